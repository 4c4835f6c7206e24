// Every file system call of a complete prepare run and of a complete train run fails once: with EIO, with a
// full disk, as a short write, by a power loss. Nothing incomplete is ever published, and the same command
// then completes with the same bytes.
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "e2e/demo_fixture.h"
#include "gating/gate.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "stages/artifacts/gate_artifact.h"
#include "stages/reward_model/model_export.h"
#include "stages/stage1_prepare.h"
#include "stages/stage1_train.h"
#include "stages/stage2_prepare.h"
#include "stages/stage2_train.h"
#include "support/error_of.h"
#include "support/fault_file_system.h"
#include "support/fixed_kernels.h"
#include "support/forwarding_file_system.h"
#include "support/silence.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;

namespace {

using Files = std::map<std::string, std::string>;  // path below the root -> content
using Command = std::function<void(const fs::path& root, io::FileSystem& files)>;

Files files_below(const fs::path& root) {
  Files files;
  for (const auto& entry : fs::recursive_directory_iterator(root))
    if (entry.is_regular_file())
      files[fs::relative(entry.path(), root).string()] = io::read_text_file(entry.path());
  return files;
}

bool is_work_in_progress(const std::string& name) {
  return name.find(".tmp/") != std::string::npos || name.ends_with(".partial") ||
         name.ends_with(".journal") || name.ends_with(".lock") || name.ends_with(".tmp") ||
         name.ends_with(".checkpoint") || name.ends_with(".checkpoint.previous");
}

struct Scenario {
  Command command;
  std::function<void(const fs::path& root)> prepare;  // makes the command's input below the root
  Files result;                                       // published files
};

Scenario make_scenario(std::function<void(const fs::path& root)> prepare, Command command) {
  const TempDir root;
  prepare(root.path());
  command(root.path(), io::posix_file_system());
  return {std::move(command), std::move(prepare), files_below(root.path())};
}

// Published files are complete.
void check_published(const Files& files, const Scenario& scenario) {
  for (const auto& [name, content] : files) {
    if (is_work_in_progress(name)) continue;
    INFO(name);
    REQUIRE(scenario.result.contains(name));
    CHECK(content == scenario.result.at(name));
  }
}

// False when the command ended before the fault.
bool run_with_fault(const Scenario& scenario, Fault fault, std::size_t at, Unsynced unsynced) {
  const TempDir root;
  scenario.prepare(root.path());
  FaultFileSystem files(root.path(), fault, at);
  bool failed = false;
  try {
    scenario.command(root.path(), files);
  } catch (const Error& error) {
    failed = true;
    CHECK(error.kind() == ErrorKind::io);
  }
  if (fault == Fault::short_write) CHECK_FALSE(failed);
  if (!failed) CHECK(files_below(root.path()).size() >= scenario.result.size());
  if (fault == Fault::power_loss) files.lose_power(unsynced);
  check_published(files_below(root.path()), scenario);

  FaultFileSystem sound(root.path(), Fault::none, 0);
  scenario.command(root.path(), sound);
  CHECK(files_below(root.path()) == scenario.result);
  return files.reached();
}

std::size_t run_all_faults(const Scenario& scenario, Fault fault,
                           Unsynced unsynced = Unsynced::entries_lost) {
  const Silence silence;
  std::size_t at = 0;
  for (;; ++at) {
    INFO("fault " << static_cast<int>(fault) << " at call " << at);
    if (!run_with_fault(scenario, fault, at, unsynced)) return at;
  }
}

void run_everything(const Scenario& scenario, std::size_t least_calls) {
  for (const Fault fault : {Fault::io_error, Fault::disk_full, Fault::short_write})
    CHECK(run_all_faults(scenario, fault) >= least_calls);
  for (const Unsynced unsynced : {Unsynced::entries_lost, Unsynced::entries_kept, Unsynced::data_torn})
    CHECK(run_all_faults(scenario, Fault::power_loss, unsynced) >= least_calls);
}

// Few rows, because every call of the run fails in a run of its own.
const fs::path& small_demo() {
  static const TempDir dir;
  static const fs::path path = [] {
    const ProcessResult made =
        run_program("armorm-make-demo", {"--output", (dir / "demo").string(), "--rows", "5", "--pairs", "3",
                                         "--reference", "3", "--reward_bench", "23"});
    if (made.exit_code != 0) throw std::runtime_error(made.err);
    return dir / "demo";
  }();
  return path;
}

ExtractionOptions extraction_in(const fs::path& root) {
  ExtractionOptions options;
  options.model_path = (small_demo() / "model").string();
  options.device = -1;
  options.kernels = fixed_kernels();
  options.precision = Precision::fp32;
  options.batch_tokens = 150;
  options.threads = 1;
  options.checkpoint_seconds = 0;
  options.data_root = (root / "data").string();
  return options;
}

void prepare_small_demo(const fs::path& root, io::FileSystem& files) {
  Stage1PrepareOptions options;
  options.extraction = extraction_in(root);
  options.dataset_path = (small_demo() / "multi-objective").string();
  stages::run_stage1_prepare(options, {.files = files});
}

// A file system without locks, where another process takes over as soon as the run has a journal.
class TakenOver final : public ForwardingFileSystem {
 public:
  int lock(int) override {
    errno = ENOLCK;
    return -1;
  }
  int open(const Path& path, int flags) override {
    if (path.extension() == ".journal") {
      std::string owner = "process 7 on elsewhere\nowns ";
      owner.resize(511, '7');
      write_text(path.parent_path() / path.stem().concat(".lock"), owner + "\n");
    }
    return ForwardingFileSystem::open(path, flags);
  }
};

void nothing(const fs::path&) {}

}  // namespace

TEST_CASE("a run publishes nothing once another process has taken over its shard", "[e2e]") {
  const Silence silence;
  const TempDir root;
  TakenOver files;
  CHECK_THAT(error_of([&] { prepare_small_demo(root.path(), files); }, ErrorKind::locked),
             Catch::Matchers::Contains("process 7 on elsewhere has taken over"));
  std::set<std::string> endings;
  for (const auto& [name, content] : files_below(root.path())) endings.insert(fs::path(name).extension());
  CHECK(endings == std::set<std::string>{".journal", ".lock", ".partial"});
}

TEST_CASE("stage1-prepare survives a fault in every call", "[e2e]") {
  const Scenario scenario = make_scenario(nothing, prepare_small_demo);
  CHECK(scenario.result.size() == 1);
  run_everything(scenario, 40);
}

TEST_CASE("stage2-prepare survives a fault in every call, with bad rows listed", "[e2e]") {
  const TempDir set;
  fs::create_directories(set / "preference");
  const std::string good =
      R"({"chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],)"
      R"("rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"b"}]})";
  write_text(set / "preference/train.jsonl", good + "\n{\"chosen\":3}\n" + good + "\n");
  const Scenario scenario = make_scenario(nothing, [&](const fs::path& root, io::FileSystem& files) {
    Stage2PrepareOptions options;
    options.extraction = extraction_in(root);
    options.extraction.on_bad_row = OnBadRow::skip;
    options.extraction.max_bad_rows = "1";
    options.dataset_path = (set / "preference").string();
    stages::run_stage2_prepare(options, {.files = files});
  });
  CHECK(scenario.result.size() == 2);
  run_everything(scenario, 40);
}

TEST_CASE("stage1-train survives a fault in every call", "[e2e]") {
  const TempDir prepared;
  prepare_small_demo(prepared.path(), io::posix_file_system());
  const auto prepare = [&](const fs::path& root) { copy_tree(prepared / "data", root / "data"); };
  const auto train = [](const fs::path& root, io::FileSystem& files, const std::string& partial) {
    Stage1TrainOptions options;
    options.model_path = (small_demo() / "model").string();
    options.dataset_path = (small_demo() / "multi-objective").string();
    options.alphas = "0.1";
    options.threads = 1;
    options.data_root = (root / "data").string();
    options.partial = partial;
    stages::run_stage1_train(options, {.files = files});
  };
  const Scenario whole =
      make_scenario(prepare, [&](const fs::path& root, io::FileSystem& files) { train(root, files, ""); });
  run_everything(whole, 15);
  const Scenario sums = make_scenario(prepare, [&](const fs::path& root, io::FileSystem& files) {
    train(root, files, (root / "sums").string());
  });
  CHECK(sums.result.size() == whole.result.size() - 3);  // one file for .pt, .safetensors, .json and .html
  run_everything(sums, 5);
}

TEST_CASE("stage2-train survives a fault in every call", "[e2e]") {
  const auto model = (small_demo() / "model").string();
  const auto set = [](const char* name) { return (small_demo() / name).string(); };
  const TempDir prepared;
  prepare_small_demo(prepared.path(), io::posix_file_system());
  const fs::path root = prepared / "data";
  Stage1TrainOptions ridge;
  ridge.model_path = model;
  ridge.dataset_path = set("multi-objective");
  ridge.alphas = "0.1";
  ridge.threads = 1;
  ridge.data_root = root.string();
  run_stage1_train(ridge);
  Stage2PrepareOptions pairs;
  pairs.extraction = extraction_in(prepared.path());
  pairs.dataset_path = set("preference");
  run_stage2_prepare(pairs);
  const auto prepare = [&](const fs::path& place) { copy_tree(root, place / "data"); };
  const Scenario scenario = make_scenario(prepare, [&](const fs::path& place, io::FileSystem& files) {
    Stage2TrainOptions options;
    options.model_path = model;
    options.multi_objective_dataset = set("multi-objective");
    options.preference_dataset = set("preference");
    options.device = -1;
    options.kernels = fixed_kernels();
    options.n_steps = 2;
    options.batch_size = 2;
    options.hidden_size = 4;
    options.on_unmet = OnUnmet::max;
    options.threads = 1;
    options.checkpoint_seconds = 0;
    options.data_root = (place / "data").string();
    options.output_dir = (place / "gate").string();
    stages::run_stage2_train(options, {.files = files});
  });
  run_everything(scenario, 30);
}

namespace {

stages::artifacts::GateArtifact small_artifact(std::int64_t hidden_size) {
  stages::artifacts::GateArtifact artifact;
  artifact.model = "m";
  artifact.model_family = "llama3";
  artifact.attributes = {"a", "b"};
  artifact.hidden_size = hidden_size;
  artifact.weight.assign(static_cast<std::size_t>(2 * hidden_size), 0.5F);
  artifact.transform = {1, 0, 0, 1};
  artifact.gate = gating::initial_gate({hidden_size, 1, 3, 2, 10.0}, 1.0, 0);
  artifact.compat = "none";
  return artifact;
}

}  // namespace

TEST_CASE("the gate's files survive a fault in every call", "[e2e]") {
  const stages::artifacts::GateArtifact artifact = small_artifact(4);
  const Scenario scenario = make_scenario(nothing, [&](const fs::path& root, io::FileSystem& files) {
    artifact.save(root / "new/folders/gate", files);
    io::publish_text(root / "new/folders/gate.json", "{}", files);
  });
  run_everything(scenario, 20);
}

TEST_CASE("an export survives a fault in every call, new or in place of an earlier one", "[e2e]") {
  const fs::path model = golden("reward_model/llama");
  const auto export_with = [&](const std::string& attribute, const fs::path& root, io::FileSystem& files) {
    stages::artifacts::GateArtifact artifact = small_artifact(32);
    artifact.attributes[0] = attribute;
    stages::reward_model::ModelExport(root / "rm", model.string(), ExportWeights::auto_, std::nullopt, {},
                                      files)
        .write(artifact, report::GateReport());
  };
  const Command command = [&](const fs::path& root, io::FileSystem& files) {
    export_with("new", root, files);
  };
  const Scenario first = make_scenario(nothing, command);
  CHECK(first.result.contains("rm/model.safetensors.index.json"));
  run_everything(first, 60);

  // The name holds one or the other version, never a mixture.
  const auto prepare = [&](const fs::path& root) { export_with("old", root, io::posix_file_system()); };
  const Silence silence;
  const TempDir old_root;
  prepare(old_root.path());
  const Files old = files_below(old_root.path());
  for (std::size_t at = 0, reached = 1; reached != 0; ++at) {
    const TempDir root;
    prepare(root.path());
    FaultFileSystem files(root.path(), Fault::power_loss, at);
    try {
      command(root.path(), files);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::io);
    }
    reached = files.reached() ? 1 : 0;
    files.lose_power(Unsynced::entries_lost);
    Files found = files_below(root.path());
    std::erase_if(found, [](const auto& entry) { return is_work_in_progress(entry.first); });
    CHECK((found == old || found == first.result));
  }
}
