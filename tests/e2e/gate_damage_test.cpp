// Checkpoints of a gate training that are damaged between two parts of an interrupted run: the published
// files equal those of an uninterrupted run, or the run ends with an error.
#include <fmt/core.h>

#include <cstring>
#include <iostream>
#include <map>
#include <random>
#include <sstream>

#include "core/error.h"
#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "stages/stage2_train.h"
#include "support/fixed_kernels.h"
#include "support/log_capture.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;

namespace {

constexpr const char* kLatest = "gating_network_model.checkpoint";
constexpr const char* kPrevious = "gating_network_model.checkpoint.previous";

using Files = std::map<std::string, std::string>;  // name -> content

Files files_in(const fs::path& folder) {
  Files files;
  for (const auto& entry : fs::directory_iterator(folder))
    files[entry.path().filename().string()] = io::read_text_file(entry.path());
  return files;
}

// Two seeds of 10 steps, saved after every step.
Stage2TrainOptions options_for(const fs::path& place, std::int64_t seed = 0) {
  Stage2TrainOptions options;
  options.model_path = (demo_dir() / "model").string();
  options.multi_objective_dataset = (demo_dir() / "multi-objective").string();
  options.preference_dataset = (demo_dir() / "preference").string();
  options.data_root = demo_run().string();
  options.output_dir = place.string();
  options.device = -1;
  options.kernels = fixed_kernels();
  options.n_steps = 10;
  options.batch_size = 8;
  options.n_hidden = 1;
  options.hidden_size = 4;
  options.seed = seed;
  options.seeds = 2;
  options.select = SelectCheckpoint::best;
  options.eval_every = 3;
  options.on_unmet = OnUnmet::max;
  options.threads = 1;
  options.checkpoint_seconds = 0;
  return options;
}

struct Outcome {
  std::string error;               // empty for success
  std::vector<std::string> lines;  // of the log
  Files files;
};

// Runs stage2-train where the files of `before` are, and asks it to stop after `stop_after` saves; 0 = never.
Outcome train(const Files& before, int stop_after = 0, std::int64_t seed = 0) {
  const TempDir place;
  for (const auto& [name, content] : before) write_text(place / name, content);
  Outcome outcome;
  std::ostringstream sink;
  std::streambuf* const out = std::cout.rdbuf(sink.rdbuf());
  int polls = 0;
  const auto stop = [&] { return stop_after > 0 && fs::exists(place / kLatest) && ++polls == stop_after; };
  try {
    const LogCapture capture(outcome.lines);
    stages::run_stage2_train(options_for(place.path(), seed), {.stop_requested = stop});
  } catch (const Error& error) {
    CHECK((error.kind() == ErrorKind::data || error.kind() == ErrorKind::interrupted));
    outcome.error = error.what();
  }
  std::cout.rdbuf(out);
  outcome.files = files_in(place.path());
  return outcome;
}

const Files& uninterrupted() {
  static const Files files = train({}).files;
  return files;
}

// The same training, stopped in its first and in its second seed.
const std::vector<Files>& interrupted() {
  static const std::vector<Files> states{train({}, 6).files, train({}, 15).files};
  return states;
}

bool says(const Outcome& outcome, const std::string& text) {
  return std::any_of(outcome.lines.begin(), outcome.lines.end(),
                     [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

// The training ends as if nothing had happened, and reports the file.
void check_unharmed(const Files& before, const std::string& reported) {
  const Outcome outcome = train(before);
  CHECK(outcome.error.empty());
  CHECK(outcome.files == uninterrupted());
  CHECK(says(outcome, reported));
}

std::uint64_t header_end(const std::string& bytes) {
  std::uint64_t size = 0;
  std::memcpy(&size, bytes.data(), sizeof(size));
  return sizeof(size) + size;
}

// Between the header's last bracket and the tensors: blanks, which carry nothing.
bool is_padding(const std::string& bytes, std::uint64_t at) {
  const std::uint64_t end = header_end(bytes);
  return at < end && at > bytes.find_last_of('}', end - 1);
}

// Flips one bit: half of the time in the header, where the metadata is.
void flip(std::string& bytes, std::mt19937_64& random) {
  const std::uint64_t limit = random() % 2 == 0 ? header_end(bytes) : bytes.size();
  std::uint64_t at = random() % limit;
  while (is_padding(bytes, at)) at = random() % limit;
  bytes[at] = static_cast<char>(static_cast<unsigned char>(bytes[at]) ^ (1U << (random() % 8)));
}

}  // namespace

TEST_CASE("a bit flipped in the last save changes nothing that is published", "[e2e]") {
  std::mt19937_64 random(17);
  for (const Files& state : interrupted()) {
    REQUIRE(state.contains(kPrevious));
    for (int i = 0; i < 120; ++i) {
      Files damaged = state;
      flip(damaged[kLatest], random);
      INFO("flip " << i);
      check_unharmed(damaged, std::string(kLatest) + ": is not a complete checkpoint");
    }
  }
}

TEST_CASE("bits flipped in both saves change nothing that is published", "[e2e]") {
  std::mt19937_64 random(18);
  for (const Files& state : interrupted()) {
    for (int i = 0; i < 60; ++i) {
      Files damaged = state;
      for (const char* name : {kLatest, kPrevious})
        for (int flips = 0; flips <= i % 3; ++flips) flip(damaged[name], random);
      INFO("flip " << i);
      check_unharmed(damaged, std::string(kPrevious) + ": is not a complete checkpoint");
    }
  }
}

TEST_CASE("a bit flipped in the save before the last is never read", "[e2e]") {
  std::mt19937_64 random(19);
  for (const Files& state : interrupted()) {
    for (int i = 0; i < 20; ++i) {
      Files damaged = state;
      flip(damaged[kPrevious], random);
      INFO("flip " << i);
      check_unharmed(damaged, "resuming an interrupted training");
    }
  }
}

TEST_CASE("saves of any other length change nothing that is published", "[e2e]") {
  for (const Files& state : interrupted()) {
    const std::string& bytes = state.at(kLatest);
    for (const std::uint64_t size :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{7}, std::uint64_t{8}, header_end(bytes) / 2,
          header_end(bytes), (header_end(bytes) + bytes.size()) / 2, bytes.size() - 4, bytes.size() - 1,
          bytes.size() + 1, 2 * bytes.size()}) {
      INFO(size << " of " << bytes.size() << " bytes");
      Files damaged = state;
      damaged[kLatest].resize(size, '\0');
      check_unharmed(damaged, std::string(kLatest) + ": is not a complete checkpoint");
      damaged[kPrevious].resize(size, '\0');
      check_unharmed(damaged, "restarting the training");
    }
  }
}

TEST_CASE("saves of the same training may change places", "[e2e]") {
  const Files& first = interrupted()[0];
  const Files& second = interrupted()[1];
  const std::string resumes = "resuming an interrupted training";
  check_unharmed({{kLatest, first.at(kPrevious)}, {kPrevious, first.at(kLatest)}}, resumes);
  check_unharmed({{kLatest, second.at(kLatest)}, {kPrevious, first.at(kLatest)}}, resumes);
  check_unharmed({{kLatest, first.at(kLatest)}, {kPrevious, second.at(kLatest)}}, resumes);
  check_unharmed({{kPrevious, second.at(kLatest)}}, resumes);
  check_unharmed({{kLatest, second.at(kLatest)}}, resumes);
}

TEST_CASE("saves of another training are refused by name", "[e2e]") {
  const Files other = train({}, 6, 1).files;
  const Files& own = interrupted()[0];
  for (const Files& mixed : {Files{{kLatest, other.at(kLatest)}, {kPrevious, own.at(kPrevious)}},
                             Files{{kLatest, "damaged"}, {kPrevious, other.at(kPrevious)}},
                             Files{{kPrevious, other.at(kPrevious)}}}) {
    const Outcome outcome = train(mixed);
    CHECK_THAT(outcome.error, Catch::Contains("differs from this one in --seed (1 then, 0 now)"));
    CHECK(outcome.files == mixed);
  }
  // Read only when it is needed.
  check_unharmed({{kLatest, own.at(kLatest)}, {kPrevious, other.at(kPrevious)}},
                 "resuming an interrupted training");
}
