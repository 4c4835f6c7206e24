// Every stage is asked to stop at its stop points, and the programs are sent signals at any time. They end
// with code 75 within two seconds, publish nothing incomplete, and the same command then ends with the same
// bytes.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <map>
#include <random>
#include <thread>

#include "armorm/score.h"
#include "armorm/stage1_prepare.h"
#include "armorm/stage1_train.h"
#include "armorm/stage2_prepare.h"
#include "armorm/stage2_train.h"
#include "core/error.h"
#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "support/fixed_kernels.h"
#include "support/silence.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

using Files = std::map<std::string, std::string>;  // path below the root -> content
using Run = std::function<void(const fs::path& root, const StopRequested& stop)>;

bool is_work_in_progress(const std::string& name) {
  return name.ends_with(".partial") || name.ends_with(".journal") || name.ends_with(".lock") ||
         name.ends_with(".checkpoint") || name.ends_with(".checkpoint.previous");
}

Files published_below(const fs::path& root) {
  Files files;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::string name = fs::relative(entry.path(), root).string();
    if (entry.is_regular_file() && !is_work_in_progress(name)) files[name] = io::read_text_file(entry.path());
  }
  return files;
}

// What is there is complete.
void check_published(const Files& found, const Files& expected) {
  for (const auto& [name, content] : found) {
    INFO(name);
    REQUIRE(expected.contains(name));
    CHECK(content == expected.at(name));
  }
}

// False when the run had ended before.
bool stop_at(const Run& run, const std::function<void(const fs::path&)>& prepare, const Files& expected,
             std::int64_t poll) {
  const TempDir root;
  prepare(root.path());
  std::atomic<std::int64_t> polls = 0;
  bool stopped = false;
  try {
    run(root.path(), [&] { return ++polls >= poll; });
  } catch (const Error& error) {
    INFO(error.what());
    CHECK(error.kind() == ErrorKind::interrupted);
    stopped = true;
  }
  check_published(published_below(root.path()), expected);
  run(root.path(), {});
  CHECK(published_below(root.path()) == expected);
  return stopped;
}

// Stops at the first 20 polls and then at ever later ones, until the run ends before it.
void stop_everywhere(const Run& run, const std::function<void(const fs::path&)>& prepare, int least) {
  const Silence silence;
  const TempDir whole;
  prepare(whole.path());
  run(whole.path(), {});
  const Files expected = published_below(whole.path());
  int stops = 0;
  for (std::int64_t poll = 1;; poll = poll < 20 ? poll + 1 : poll + poll / 8) {
    INFO("stopped at poll " << poll);
    if (!stop_at(run, prepare, expected, poll)) break;
    ++stops;
  }
  CHECK(stops >= least);
}

const fs::path& small_demo() {
  static const TempDir dir;
  static const fs::path path = [] {
    const ProcessResult made =
        run_program("armorm-make-demo", {"--output", (dir / "demo").string(), "--rows", "40", "--pairs", "12",
                                         "--reference", "6", "--reward_bench", "23"});
    if (made.exit_code != 0) throw std::runtime_error(made.err);
    return dir / "demo";
  }();
  return path;
}

std::string in_demo(const char* name) { return (small_demo() / name).string(); }

ExtractionOptions extraction_in(const fs::path& root) {
  ExtractionOptions options;
  options.model_path = in_demo("model");
  options.device = -1;
  options.kernels = fixed_kernels();
  options.precision = Precision::fp32;
  options.batch_tokens = 400;
  options.threads = 1;
  options.checkpoint_seconds = 0;
  options.data_root = (root / "data").string();
  return options;
}

void prepare_rows(const fs::path& root, const StopRequested& stop) {
  Stage1PrepareOptions options;
  options.extraction = extraction_in(root);
  options.dataset_path = in_demo("multi-objective");
  run_stage1_prepare(options, stop);
}

void prepare_pairs(const fs::path& root, const StopRequested& stop) {
  Stage2PrepareOptions options;
  options.extraction = extraction_in(root);
  options.dataset_path = in_demo("preference");
  run_stage2_prepare(options, stop);
}

void train_ridge(const fs::path& root, const StopRequested& stop) {
  Stage1TrainOptions options;
  options.model_path = in_demo("model");
  options.dataset_path = in_demo("multi-objective");
  options.bootstrap = 20;
  options.cv = RidgeCv::kfold;
  options.threads = 2;
  options.data_root = (root / "data").string();
  run_stage1_train(options, stop);
}

void train_gate(const fs::path& root, const StopRequested& stop) {
  Stage2TrainOptions options;
  options.model_path = in_demo("model");
  options.multi_objective_dataset = in_demo("multi-objective");
  options.preference_dataset = in_demo("preference");
  options.preference_split = "train";
  options.device = -1;
  options.kernels = fixed_kernels();
  options.n_steps = 6;
  options.batch_size = 8;
  options.hidden_size = 8;
  options.corr_threshold = 0.9;
  options.on_unmet = OnUnmet::max;
  options.checkpoint_seconds = 0;
  options.threads = 1;
  options.data_root = (root / "data").string();
  options.export_dir = (root / "data/exported").string();
  options.export_weights = ExportWeights::copy;
  run_stage2_train(options, stop);
}

void score_rows(const fs::path& root, const StopRequested& stop) {
  ScoreOptions options;
  options.model_path = (root / "data/exported").string();
  options.device = -1;
  options.kernels = fixed_kernels();
  options.precision = Precision::fp32;
  options.threads = 1;
  options.window = 4;
  options.input = (root / "rows.jsonl").string();
  options.output = (root / "scores.jsonl").string();
  run_score(options, stop);
}

void nothing(const fs::path&) {}

std::string conversations(int n) {
  std::string rows;
  for (int i = 0; i < n; ++i)
    rows += R"({"prompt":"What is 2 and 2?","response":"It is )" + std::to_string(i) + "\"}\n";
  return rows;
}

// The time from a signal to the end of the process.
struct Stopped {
  ProcessResult result;
  std::chrono::duration<double> after;
};

Stopped signal_after(const std::string& program, const std::vector<std::string>& flags,
                     std::chrono::duration<double> time, int signal) {
  ChildProcess run(program, flags);
  std::this_thread::sleep_for(time);
  const auto start = std::chrono::steady_clock::now();
  run.signal(signal);
  Stopped stopped{run.wait(), {}};
  stopped.after = std::chrono::steady_clock::now() - start;
  return stopped;
}

// Whether a program has begun to handle a signal: before, it ends as usual. Before exec() it still has the
// handlers of this process.
bool handles(const ChildProcess& run, int signal) {
  const fs::path process = "/proc/" + std::to_string(run.id());
  std::error_code error;
  if (fs::read_symlink(process / "exe", error) == fs::read_symlink("/proc/self/exe")) return false;
  std::istringstream status(io::read_text_file(process / "status"));
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("SigCgt:"))
      return (std::stoull(line.substr(7), nullptr, 16) >> (signal - 1) & 1U) != 0;
  return false;
}

// More than the promised two seconds, for tests on a machine that others use.
constexpr std::chrono::duration<double> kSlack = 6s;

}  // namespace

TEST_CASE("stage1-prepare stops at every stop point and resumes", "[e2e]") {
  stop_everywhere(prepare_rows, nothing, 20);
}

TEST_CASE("stage2-prepare stops at every stop point and resumes", "[e2e]") {
  stop_everywhere(prepare_pairs, nothing, 20);
}

TEST_CASE("stage1-train stops at every stop point", "[e2e]") {
  const TempDir prepared;
  {
    const Silence silence;
    prepare_rows(prepared.path(), {});
  }
  stop_everywhere(
      train_ridge, [&](const fs::path& root) { copy_tree(prepared / "data", root / "data"); }, 20);
}

TEST_CASE("stage2-train and score stop at every stop point", "[e2e]") {
  const TempDir prepared;
  {
    const Silence silence;
    prepare_rows(prepared.path(), {});
    prepare_pairs(prepared.path(), {});
    train_ridge(prepared.path(), {});
  }
  const auto copy = [&](const fs::path& root) { copy_tree(prepared / "data", root / "data"); };
  stop_everywhere(train_gate, copy, 15);
  {
    const Silence silence;
    train_gate(prepared.path(), {});
  }
  stop_everywhere(
      score_rows,
      [&](const fs::path& root) {
        copy(root);
        write_text(root / "rows.jsonl", conversations(30));
      },
      10);
}

TEST_CASE("programs end with 75 at whatever time a signal comes", "[e2e]") {
  struct Program {
    std::string name;
    std::vector<std::string> flags;
  };
  const TempDir place;
  copy_tree(demo_run(), place / "root");
  const auto with = [&](const std::string& name, const fs::path& root, const std::vector<std::string>& more) {
    Program program{name, stage_flags(name, demo_dir(), root)};
    program.flags.insert(program.flags.end(), more.begin(), more.end());
    const auto steps = std::find(program.flags.begin(), program.flags.end(), "--n_steps");
    if (steps != program.flags.end()) *(steps + 1) = "1000000";
    return program;
  };
  const std::string out = (place / "out").string();
  const std::vector<Program> programs{
      with("stage1-prepare", place / "again", {"--threads", "1"}),
      with("stage1-train", place / "root", {"--bootstrap", "1000000", "--output_dir", out}),
      with("stage2-train", place / "root", {"--output_dir", out}),
  };
  std::mt19937_64 random(15);
  for (const Program& program : programs) {
    for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) {
      const std::chrono::duration<double> time =
          0.3s + 0.7s * std::uniform_real_distribution<double>(0.0, 1.0)(random);
      INFO(program.name << ", signal " << signal << " after " << time.count() << " s");
      const Stopped stopped = signal_after(program.name, program.flags, time, signal);
      INFO("exit code " << stopped.result.exit_code << ": " << stopped.result.err);
      // Before main() a signal ends the process as usual.
      const bool at_start = stopped.result.exit_code == 128 + signal && stopped.result.err.empty();
      CHECK((stopped.result.exit_code == 75 || stopped.result.exit_code == 0 || at_start));
      CHECK(stopped.after < kSlack);
      if (stopped.result.exit_code == 75)
        CHECK(stopped.result.err.find("asked to stop") != std::string::npos);
    }
  }
}

TEST_CASE("score that waits for input ends with 75 on a signal", "[e2e]") {
  const TempDir place;
  copy_tree(demo_run(), place / "root");
  const fs::path fifo = place / "rows";
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  const int writer = open(fifo.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(writer >= 0);
  const fs::path model = place / "exported";
  run_stage("stage2-train", place / "root", {"--export", model.string()});
  ChildProcess run("score", {"--model_path", model.string(), "--device", "-1", "--input", fifo.string(),
                             "--output", (place / "scores").string()});
  while (!handles(run, SIGTERM)) std::this_thread::sleep_for(50ms);
  std::this_thread::sleep_for(1s);  // until it waits
  const auto start = std::chrono::steady_clock::now();
  run.signal(SIGTERM);
  const ProcessResult stopped = run.wait();
  close(writer);
  INFO(stopped.err);
  CHECK(stopped.exit_code == 75);
  CHECK(std::chrono::steady_clock::now() - start < kSlack);
  CHECK_FALSE(fs::exists(place / "scores"));
}
