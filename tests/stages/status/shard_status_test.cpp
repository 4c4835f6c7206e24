#include "stages/status/shard_status.h"

#include <unistd.h>

#include <atomic>
#include <cmath>
#include <ctime>
#include <fstream>
#include <thread>

#include "io/publish.h"
#include "io/read_file.h"
#include "stages/artifacts/artifact_paths.h"
#include "stages/artifacts/provenance.h"
#include "stages/resume/durable_rows.h"
#include "stages/resume/run_lock.h"
#include "stages/status/set_status.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::status;
using namespace armorm::test;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kRows = 6;
constexpr std::int64_t kTokens = 100;  // per request
const stages::resume::ResumeKey kKey{{"weights", "abc"}};

io::Metadata metadata(const std::string& kind) {
  stages::artifacts::Provenance p;
  p.kind = kind;
  p.rows = kRows;
  p.source_rows = 24;
  return p.to_metadata();
}

const stages::resume::ShardTensors& tensors() {
  static const stages::resume::ShardTensors shard{.embeddings = {{"embeddings", DType::bf16, {kRows, 2}}},
                                                  .known = {},
                                                  .width = 2,
                                                  .rows = kRows,
                                                  .tokens = kRows * kTokens};
  return shard;
}

stages::resume::DurableRows open_rows(const fs::path& target, const std::string& kind = "labelled") {
  return stages::resume::DurableRows(target, tensors(), metadata(kind), kKey, 0.0, io::posix_file_system());
}

void put_rows(stages::resume::DurableRows& rows, std::size_t from, std::size_t to) {
  for (std::size_t r = from; r < to; ++r) {
    rows.put(0, r, std::vector<float>{1.0F, 2.0F});
    rows.finish_request(kTokens);
    rows.after_pass({r + 1, 100});
  }
}

void interrupt(const fs::path& target, std::size_t rows, const std::string& kind = "labelled") {
  stages::resume::DurableRows begun = open_rows(target, kind);
  put_rows(begun, 0, rows);
}

void publish(const fs::path& target) {
  stages::resume::DurableRows rows = open_rows(target);
  put_rows(rows, 0, kRows);
  rows.publish();
}

// A journal whose chunks, of one request each, became durable at these times.
void write_journal(const fs::path& target, const std::vector<double>& times) {
  stages::resume::Journal journal(io::posix_file_system(), stages::resume::journal_path(target), kKey);
  for (const double time : times) {
    stages::resume::ChunkRecord chunk;
    chunk.requests = 1;
    chunk.time = time;
    chunk.tokens = kTokens;
    chunk.total_tokens = kRows * kTokens;
    journal.append(chunk);
  }
}

}  // namespace

TEST_CASE("the states of a shard", "[unit]") {
  const TempDir dir;
  const fs::path target = dir / "x.safetensors";
  CHECK(shard_status(target).state == ShardState::missing);
  io::publish_text(target.string() + ".lock", "process 4194999 on " + stages::resume::this_process().host +
                                                  " since 2026-01-31T12:00:00Z\n");
  CHECK(shard_status(target).state == ShardState::missing);  // its owner died before it began

  interrupt(target, 2);
  const ShardStatus interrupted = shard_status(target);
  CHECK(interrupted.state == ShardState::interrupted);
  CHECK(interrupted.program == "stage1-prepare");
  CHECK(interrupted.rows == kRows);
  CHECK(interrupted.source_rows == 24);
  CHECK(interrupted.rows_done == 2);
  CHECK(interrupted.tokens == kRows * kTokens);
  CHECK(interrupted.tokens_done == 2 * kTokens);
  CHECK(std::isnan(interrupted.seconds_left));
  CHECK((interrupted.owner && interrupted.owner->process == 4194999));
  CHECK(interrupted.silent_seconds < 60);
  {
    const stages::resume::RunLock lock(target.string() + ".lock", io::posix_file_system());
    CHECK(shard_status(target).state == ShardState::running);
    CHECK(shard_status(target).owner->process == getpid());
  }
  publish(target);
  const ShardStatus done = shard_status(target);
  CHECK(done.state == ShardState::done);
  CHECK(done.rows_done == kRows);
  {
    const stages::resume::RunLock lock(target.string() + ".lock", io::posix_file_system());
    CHECK(shard_status(target).state == ShardState::done);  // --restart has not begun yet
    interrupt(target, 1);
    CHECK(shard_status(target).state == ShardState::running);
    CHECK(shard_status(target).rows_done == 1);
  }
  fs::resize_file(target, fs::file_size(target) - 1);
  CHECK(shard_status(target).state == ShardState::damaged);
  CHECK_THAT(shard_status(target).problem, Contains(target.string()));
}

TEST_CASE("the sides of a pair are half a row each", "[unit]") {
  const TempDir dir;
  interrupt(dir / "x.safetensors", 5, "preference");
  CHECK(shard_status(dir / "x.safetensors").program == "stage2-prepare");
  CHECK(shard_status(dir / "x.safetensors").rows_done == 2);
}

TEST_CASE("a rate is that of the living process's last minutes", "[unit]") {
  const TempDir dir;
  const fs::path target = dir / "x.safetensors";
  interrupt(target, 0);
  const stages::resume::RunLock lock(target.string() + ".lock", io::posix_file_system());
  const double now = static_cast<double>(std::time(nullptr));
  const auto status_with = [&](const std::vector<double>& times) {
    write_journal(target, times);
    return shard_status(target);
  };
  // Two chunks are of an earlier process; the first of this process also contains its start.
  const ShardStatus status = status_with({now - 9000, now - 8000, now + 10, now + 12, now + 14});
  CHECK(status.state == ShardState::running);
  CHECK(status.rows_done == 5);
  CHECK(status.rows_per_second == Approx(0.5));
  CHECK(status.tokens_per_second == Approx(0.5 * kTokens));
  CHECK(status.seconds_left == Approx(2.0));
  // For a long run only the end counts.
  CHECK(status_with({now + 1, now + 2, now + 5000, now + 5010, now + 5020}).rows_per_second == Approx(0.1));
  // One chunk shows no rate, nor do chunks from before and after the clock was set back.
  CHECK(std::isnan(status_with({now + 10}).rows_per_second));
  CHECK(std::isnan(status_with({now + 20, now + 20}).rows_per_second));
  CHECK(std::isnan(status_with({now + 20, now + 10}).seconds_left));
  CHECK(std::isnan(status_with({}).rows_per_second));
}

TEST_CASE("half-written files are no error", "[unit]") {
  const TempDir dir;
  const fs::path target = dir / "x.safetensors";
  interrupt(target, 3);
  const std::string partial = io::read_text_file(target.string() + ".partial");
  const std::string journal = io::read_text_file(target.string() + ".journal");
  const auto write = [](const fs::path& file, const std::string& bytes) {
    std::ofstream(file, std::ios::binary) << bytes;
  };
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{4}, std::size_t{9}, std::size_t{100}, partial.size() - 1}) {
    write(target.string() + ".partial", partial.substr(0, size));
    CHECK(shard_status(target).state == ShardState::interrupted);
    CHECK(shard_status(target).rows_done == 0);
  }
  write(target.string() + ".partial", partial);
  for (std::size_t size = 0; size < journal.size(); size += 7) {
    write(target.string() + ".journal", journal.substr(0, size));
    CHECK(shard_status(target).rows_done <= 3);
  }
  fs::remove(target.string() + ".partial");
  CHECK(shard_status(target).state == ShardState::missing);
}

TEST_CASE("a shard that is published over and over is never seen as anything but running or done", "[unit]") {
  const TempDir dir;
  const fs::path target = dir / "x.safetensors";
  publish(target);
  std::atomic<bool> stop = false;
  std::thread maker([&] {
    while (!stop) {
      const stages::resume::RunLock lock(target.string() + ".lock", io::posix_file_system());
      publish(target);
    }
  });
  std::int64_t running = 0;
  for (int i = 0; i < 3000; ++i) {
    const ShardStatus status = shard_status(target);
    running += status.state == ShardState::running ? 1 : 0;
    if (status.state != ShardState::done && status.state != ShardState::running)
      FAIL(name_of(status.state) << ": " << status.problem);
  }
  stop = true;
  maker.join();
  CHECK(running > 0);
}

TEST_CASE("the sets below a data root", "[unit]") {
  const TempDir dir;
  const fs::path folder = dir / "embeddings/m";
  const auto shard = [&](const std::string& stem, int k, int n) {
    return folder / (stages::artifacts::shard_stem(stem, k, n) + ".safetensors");
  };
  publish(shard("labels", 1, 4));
  interrupt(shard("labels", 3, 4), 3);
  publish(folder / "pairs-of-10-train.safetensors");
  publish(dir / "embeddings/another/labels-00001-of-00001.safetensors");
  io::publish_text(folder / "labels-00001-of-00004.rejects.jsonl", "{}\n");
  io::publish_text(folder / ".labels-00002-of-00004.safetensors.0123456789abcdef.tmp", "");
  const std::vector<SetStatus> sets = status_of_all_sets(dir.path().string());
  REQUIRE(sets.size() == 3);
  CHECK(sets[0].model == "another");
  CHECK(sets[1].stem == "labels");
  CHECK(sets[1].shards.size() == 4);
  CHECK(sets[1].count(ShardState::done) == 1);
  CHECK(sets[1].count(ShardState::interrupted) == 1);
  CHECK(sets[1].count(ShardState::missing) == 2);
  CHECK(sets[1].rows_done() == kRows + 3);
  CHECK(sets[1].rows()->rows == 4 * kRows);
  CHECK(sets[1].rows()->estimated);
  CHECK(std::isnan(sets[1].seconds_left()));
  CHECK(sets[2].stem == "pairs-of-10-train");
  CHECK_FALSE(sets[2].rows()->estimated);
  CHECK(sets[2].seconds_left() == 0.0);
  CHECK(status_of_set(dir.path().string(), "m", "labels", 1, false).at(0).shards.size() ==
        4);  // at its start
  CHECK(status_of_set(dir.path().string(), "m", "other", 3, false).at(0).count(ShardState::missing) == 3);
  CHECK(status_of_set(dir.path().string(), "m", "other", 1, true).at(0).shards.at(0).target.filename() ==
        "other.safetensors");
}

TEST_CASE("the time left of a set counts the shards that wait", "[unit]") {
  SetStatus set{"m", "s", std::vector<ShardStatus>(4)};
  const auto run = [](ShardStatus& shard, std::int64_t done, double rate) {
    shard.state = ShardState::running;
    shard.tokens = 1000;
    shard.tokens_done = done;
    shard.tokens_per_second = rate;
    shard.seconds_left = static_cast<double>(1000 - done) / rate;
  };
  CHECK(std::isnan(set.seconds_left()));
  run(set.shards[0], 500, 10.0);
  run(set.shards[1], 0, 10.0);
  // 500 + 1000 rows of the two, and 2 x 1000 waiting, at 20 per second.
  CHECK(set.seconds_left() == Approx(175.0));
  set.shards[2].state = set.shards[3].state = ShardState::done;
  CHECK(set.seconds_left() == Approx(100.0));  // the slower one's own
}
