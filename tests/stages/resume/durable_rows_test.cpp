#include "stages/resume/durable_rows.h"

#include <fstream>
#include <limits>

#include "core/error.h"
#include "core/hash.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "support/error_of.h"
#include "support/fault_file_system.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::resume;
using namespace armorm::test;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kRows = 4;
constexpr std::int64_t kWidth = 3;
const ResumeKey kKey{{"weights", "abc"}, {"--seed", "0"}};
const io::Metadata kMetadata{{"format", "pt"}};

// As in stage2-prepare: two vectors per row in one tensor, one in the other.
const ShardTensors& tensors() {
  static const std::vector<std::int64_t> ids{7, 8, 9, 10};
  static const ShardTensors shard{
      .embeddings = {{"pairs", DType::bf16, {kRows, 2, kWidth}}, {"single", DType::bf16, {kRows, kWidth}}},
      .known = {known_tensor<std::int64_t>("row_ids", {kRows}, ids)},
      .width = kWidth,
      .rows = kRows};
  return shard;
}

std::vector<float> vector_for(std::size_t tensor, std::size_t row) {
  return {static_cast<float>(tensor), static_cast<float>(row), 0.5F};
}

// Row r of the shard, as one request and one pass.
void put_row(DurableRows& rows, std::size_t r) {
  rows.put(0, 2 * r, vector_for(0, 2 * r));
  rows.put(0, 2 * r + 1, vector_for(0, 2 * r + 1));
  rows.put(1, r, vector_for(1, r));
  rows.finish_request();
  rows.after_pass({r + 1, 100 - static_cast<std::int64_t>(r)});
}

DurableRows open_rows(const fs::path& target, const ResumeKey& key = kKey, double seconds = 0.0,
                      io::FileSystem& files = io::posix_file_system()) {
  return DurableRows(target, tensors(), kMetadata, key, seconds, files);
}

std::string whole_file() {
  const TempDir dir;
  DurableRows rows = open_rows(dir / "x");
  for (std::size_t r = 0; r < kRows; ++r) put_row(rows, r);
  rows.publish();
  return io::read_text_file(dir / "x");
}

void fill_some(const fs::path& target, std::size_t n) {
  DurableRows rows = open_rows(target);
  for (std::size_t r = 0; r < n; ++r) put_row(rows, r);
}

}  // namespace

TEST_CASE("rows of several processes make one file", "[unit]") {
  const std::string whole = whole_file();
  const TempDir dir;
  const fs::path target = dir / "new/x";
  fill_some(target, 1);
  {
    DurableRows rows = open_rows(target);
    CHECK(rows.cursor().next_sequence == 1);
    CHECK(rows.cursor().budget == 100);
    CHECK(rows.requests_done() == 1);
    put_row(rows, 1);
    put_row(rows, 2);
  }
  CHECK_FALSE(fs::exists(target));
  DurableRows rows = open_rows(target);
  CHECK(rows.requests_done() == 3);
  CHECK(rows.cursor().budget == 98);
  put_row(rows, 3);
  rows.publish();
  CHECK(io::read_text_file(target) == whole);
  CHECK(std::distance(fs::directory_iterator(target.parent_path()), {}) == 1);
}

TEST_CASE("rows between two durable points are not counted", "[unit]") {
  const TempDir dir;
  {
    DurableRows rows = open_rows(dir / "x", kKey, 1e6);
    put_row(rows, 0);
    rows.checkpoint();
    put_row(rows, 1);
  }
  CHECK(open_rows(dir / "x").requests_done() == 1);
}

TEST_CASE("another key is refused and named; the work stays", "[unit]") {
  const TempDir dir;
  fill_some(dir / "x", 2);
  const auto refusal = [&](const ResumeKey& key) {
    return error_of([&] { open_rows(dir / "x", key); }, ErrorKind::data);
  };
  CHECK_THAT(refusal({{"weights", "xyz"}, {"--seed", "0"}}),
             Contains("weights (abc then, xyz now)") && Contains("--restart"));
  CHECK_THAT(refusal({{"weights", "abc"}, {"--seed", ""}}),
             Contains("--seed (0 then, empty now)") && !Contains("weights"));
  CHECK_THAT(refusal({{"weights", "abc"}}), Contains("--seed (0 then, absent now)"));
  CHECK(open_rows(dir / "x").requests_done() == 2);
  DurableRows::discard(dir / "x", io::posix_file_system());
  CHECK(open_rows(dir / "x", {{"weights", "xyz"}}).requests_done() == 0);
}

TEST_CASE("a byte that changed in a durable row drops its chunk and all after it", "[unit]") {
  for (const std::size_t damaged : {0, 1, 2}) {
    INFO("row " << damaged);
    const TempDir dir;
    fill_some(dir / "x", 3);
    std::string bytes = io::read_text_file(dir / "x.partial");
    const auto pattern = BFloat16::from_float(0.5F).bits;
    const std::string half(reinterpret_cast<const char*>(&pattern), 2);
    std::size_t at = bytes.find(half, bytes.find("row_ids") + 64);  // the first vector's last value
    for (std::size_t i = 0; i < 2 * damaged; ++i) at = bytes.find(half, at + 2);
    bytes[at] ^= 1;
    std::ofstream(dir / "x.partial", std::ios::binary) << bytes;
    DurableRows rows = open_rows(dir / "x");
    CHECK(rows.requests_done() == static_cast<std::int64_t>(damaged));
    for (std::size_t r = damaged; r < kRows; ++r) put_row(rows, r);
    rows.publish();
    CHECK(io::read_text_file(dir / "x") == whole_file());
  }
}

TEST_CASE("a journal with a torn or damaged end is used as far as it is whole", "[unit]") {
  const TempDir dir;
  fill_some(dir / "x", 3);
  const std::string whole = io::read_text_file(dir / "x.journal");
  const std::size_t last_line = whole.rfind('\n', whole.size() - 2) + 1;
  const auto check_going_on = [&](const std::string& journal) {
    const TempDir copy;
    fs::copy_file(dir / "x.partial", copy / "x.partial");
    std::ofstream(copy / "x.journal", std::ios::binary) << journal;
    {
      DurableRows rows = open_rows(copy / "x");
      const auto found = static_cast<std::size_t>(rows.requests_done());
      for (std::size_t r = found; r < kRows; ++r) put_row(rows, r);
    }
    const auto grown = read_journal(copy / "x.journal");
    CHECK((grown && grown->chunks.size() == kRows));  // appended chunks are read again
    DurableRows rows = open_rows(copy / "x");
    rows.publish();
    CHECK(io::read_text_file(copy / "x") == whole_file());
  };
  const auto chunks_in = [&](const std::string& journal) {
    std::ofstream(dir / "j", std::ios::binary) << journal;
    const auto content = read_journal(dir / "j");
    return content ? static_cast<std::int64_t>(content->chunks.size()) : -1;
  };
  CHECK(chunks_in(whole) == 3);
  CHECK(chunks_in("") == -1);
  CHECK(chunks_in(whole.substr(0, 20)) == -1);
  CHECK(chunks_in(whole + std::string(4096, '\0')) == 3);
  CHECK(chunks_in(whole + "00000000 {}\n" + whole.substr(last_line)) == 3);
  for (std::size_t size = last_line; size < whole.size(); ++size)
    CHECK(chunks_in(whole.substr(0, size)) == 2);
  for (std::size_t at = last_line; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] ^= 4;
    CHECK(chunks_in(damaged) == 2);
  }
  for (const std::string& journal : {std::string(), whole.substr(0, 20), whole.substr(0, whole.size() - 7),
                                     whole + "0badf00d {\"next", whole + std::string(4096, '\0')})
    check_going_on(journal);
}

TEST_CASE("a journal whose rows are not of this file is not believed", "[unit]") {
  const TempDir dir;
  fill_some(dir / "x", 1);
  const auto journal = read_journal(dir / "x.journal");
  REQUIRE(journal);
  for (const std::vector<std::int64_t>& rows :
       {std::vector<std::int64_t>{-1}, {12}, {std::numeric_limits<std::int64_t>::max()}}) {
    ChunkRecord chunk = journal->chunks[0];
    chunk.rows = rows;
    Journal(io::posix_file_system(), dir / "x.journal", *journal, 0).append(chunk);
    CHECK(open_rows(dir / "x").requests_done() == 0);
  }
  fs::remove(dir / "x.partial");
  CHECK(open_rows(dir / "x").requests_done() == 0);
}

TEST_CASE("a file without some rows", "[unit]") {
  const TempDir dir;
  DurableRows rows = open_rows(dir / "x");
  put_row(rows, 0);
  rows.finish_non_finite(1);
  put_row(rows, 2);
  rows.finish_non_finite(3);
  rows.after_pass({4, 0});
  CHECK(rows.non_finite() == std::set<std::int64_t>{1, 3});
  rows.publish_without({1, 3}, {{"format", "pt"}, {"rows", "2"}});
  const io::SafetensorsFile file = io::SafetensorsFile::open(dir / "x");
  CHECK(file.metadata().at("rows") == "2");
  const auto ids = file.at("row_ids", DType::i64, {2}).as<std::int64_t>();
  CHECK((ids[0] == 7 && ids[1] == 9));
  const auto pairs = file.at("pairs", DType::bf16, {2, 2, kWidth}).as<BFloat16>();
  const auto single = file.at("single", DType::bf16, {2, kWidth}).as<BFloat16>();
  CHECK(pairs[1].to_float() == 0.0F);
  CHECK(pairs[2 * kWidth + 1].to_float() == 4.0F);
  CHECK(single[kWidth + 1].to_float() == 2.0F);
  CHECK(std::distance(fs::directory_iterator(dir.path()), {}) == 1);
}

TEST_CASE("a power loss at any call costs at most the rows since the last durable point", "[unit]") {
  const std::string whole = whole_file();
  const auto lose_power_at = [&](std::size_t at, Unsynced unsynced, double seconds) {
    const TempDir dir;
    FaultFileSystem files(dir.path(), Fault::power_loss, at);
    std::size_t durable = 0;
    bool published = false;
    try {
      DurableRows rows = open_rows(dir / "x", kKey, seconds, files);
      for (std::size_t r = 0; r < kRows; ++r) {
        put_row(rows, r);
        if (seconds == 0.0) durable = r + 1;
      }
      rows.publish();
      published = true;
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::io);
    }
    files.lose_power(unsynced);
    if (fs::exists(dir / "x")) {
      CHECK(io::read_text_file(dir / "x") == whole);
      return files.reached();
    }
    CHECK_FALSE(published);
    DurableRows rows = open_rows(dir / "x");
    CHECK(rows.requests_done() >= static_cast<std::int64_t>(durable));
    for (auto r = static_cast<std::size_t>(rows.requests_done()); r < kRows; ++r) put_row(rows, r);
    rows.publish();
    CHECK(io::read_text_file(dir / "x") == whole);
    return files.reached();
  };
  for (const double seconds : {0.0, 1e6}) {
    for (const Unsynced unsynced : {Unsynced::entries_lost, Unsynced::entries_kept, Unsynced::data_torn}) {
      std::size_t at = 0;
      while (lose_power_at(at, unsynced, seconds)) ++at;
      CHECK(at > 15);
    }
  }
}

TEST_CASE("what was computed again goes on with its outcome", "[unit]") {
  const TempDir dir;
  {
    DurableRows rows = open_rows(dir / "x");
    put_row(rows, 0);
    for (const std::size_t request : {1, 2, 3}) rows.finish_non_finite(request);
    rows.after_pass({4, 0});
    rows.put(1, 1, vector_for(1, 1));
    rows.finish_again(1, true);
    rows.finish_again(2, false);
    rows.after_pass(rows.cursor());
    CHECK(read_journal(dir / "x.journal")->chunks.size() == 3);
  }
  DurableRows rows = open_rows(dir / "x");
  CHECK(rows.requests_done() == kRows);
  CHECK(rows.non_finite() == std::set<std::int64_t>{1, 2, 3});
  CHECK(rows.recomputed() == std::set<std::int64_t>{1});
  CHECK(rows.still_non_finite() == std::set<std::int64_t>{2});
}

TEST_CASE("a journal that tells of a second computation without a first is not believed", "[unit]") {
  const TempDir dir;
  fill_some(dir / "x", 2);
  const auto journal = read_journal(dir / "x.journal");
  REQUIRE(journal);
  ChunkRecord chunk;
  chunk.after = journal->chunks[1].after;
  chunk.sha256 = sha256_hex("");
  chunk.still_non_finite = {1};
  Journal(io::posix_file_system(), dir / "x.journal", *journal, 2).append(chunk);
  CHECK(read_journal(dir / "x.journal")->chunks.size() == 3);
  CHECK(open_rows(dir / "x").still_non_finite().empty());
}

TEST_CASE("a journal that cannot be looked up is not taken for none", "[unit]") {
  const TempDir dir;
  CHECK_FALSE(read_journal(dir / "x.journal"));
  CHECK_FALSE(read_journal(dir / "no/x.journal"));
  fs::create_symlink("x.journal", dir / "x.journal");  // ELOOP, also for root
  CHECK_THAT(error_of([&] { read_journal(dir / "x.journal"); }, ErrorKind::io),
             Contains("x.journal: cannot be looked up"));
}
