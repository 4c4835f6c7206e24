#include "e2e/demo_fixture.h"

#include <cstdlib>
#include <fstream>

#include "io/content_digests.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "support/fixed_kernels.h"

namespace armorm::test {
namespace fs = std::filesystem;
namespace {

void must(const ProcessResult& result) {
  if (result.exit_code != 0) throw std::runtime_error("fixture: " + result.err);
}

// Removed when the process ends.
struct Fixture {
  TempDir dir;
  bool demo_made = false;
  bool run_made = false;
};
Fixture& fixture() {
  static Fixture instance;
  return instance;
}

const fs::path& path_in_fixture(const char* name) {
  static const fs::path demo = fixture().dir / "demo";
  static const fs::path root = fixture().dir / "root";
  return std::string(name) == "demo" ? demo : root;
}

}  // namespace

const fs::path& demo_dir() {
  const fs::path& path = path_in_fixture("demo");
  if (!fixture().demo_made) {
    must(run_program("armorm-make-demo",
                     {"--output", path.string(), "--rows", "400", "--pairs", "200", "--reference", "100",
                      "--reward_bench", "120", "--reward_bench_2", "48"}));
    fixture().demo_made = true;
  }
  return path;
}

const fs::path& demo_run() {
  const fs::path& root = path_in_fixture("root");
  if (fixture().run_made) return root;
  const fs::path& demo = demo_dir();
  must(run_program("stage1-prepare", stage_flags("stage1-prepare", demo, root)));
  must(run_program("stage1-train", stage_flags("stage1-train", demo, root)));
  for (const auto& [set, split] :
       std::vector<std::pair<std::string, std::string>>{{"preference", "train"},
                                                        {"reference", "train"},
                                                        {"reward-bench", "filtered"},
                                                        {"reward-bench-2", "test"}}) {
    std::vector<std::string> flags = stage_flags("stage2-prepare", demo, root);
    flags.insert(flags.end(), {"--dataset_path", (demo / set).string(), "--dataset_split", split});
    must(run_program("stage2-prepare", flags));
  }
  must(run_program("stage2-train", stage_flags("stage2-train", demo, root)));
  fixture().run_made = true;
  return root;
}

std::vector<std::string> stage_flags(const std::string& program, const fs::path& demo, const fs::path& root) {
  std::vector<std::string> flags{"--model_path", (demo / "model").string(), "--data_root", root.string()};
  const auto add = [&flags](std::vector<std::string> more) {
    flags.insert(flags.end(), more.begin(), more.end());
  };
  if (program == "stage1-prepare")
    add({"--dataset_path", (demo / "multi-objective").string(), "--precision", "fp32"});
  if (program == "stage1-train") add({"--dataset_path", (demo / "multi-objective").string()});
  if (program == "stage2-prepare") add({"--precision", "fp32"});
  if (program != "stage1-train") add({"--device", "-1", "--kernels", fixed_kernels_name()});
  if (program == "stage2-train")
    add({"--multi_objective_dataset", (demo / "multi-objective").string(), "--preference_dataset",
         (demo / "preference").string(), "--reference_dataset", (demo / "reference").string(),
         "--eval_reward_bench", "--reward_bench_dataset", (demo / "reward-bench").string(), "--n_steps", "60",
         "--batch_size", "64", "--hidden_size", "32", "--on_unmet", "max"});
  return flags;
}

ProcessResult run_stage(const std::string& program, const fs::path& root,
                        const std::vector<std::string>& more) {
  std::vector<std::string> flags = stage_flags(program, demo_dir(), root);
  flags.insert(flags.end(), more.begin(), more.end());
  ProcessResult result = run_program(program, flags);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return result;
}

const std::filesystem::path& demo_export() {
  static const TempDir dir;
  static const std::filesystem::path path = [] {
    run_stage("stage2-train", demo_run(),
              {"--output_dir", (dir / "gate").string(), "--export", (dir / "demo-rm").string()});
    return dir / "demo-rm";
  }();
  return path;
}

void copy_tree(const fs::path& from, const fs::path& to) {
  fs::create_directories(to.parent_path());
  fs::copy(from, to, fs::copy_options::recursive);
}

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
}

std::string replace_in_file(const fs::path& path, const std::string& from, const std::string& to) {
  std::string text = io::read_text_file(path);
  const std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::runtime_error(path.string() + " lacks " + from);
  text.replace(at, from.size(), to);
  write_text(path, text);
  return text;
}

void digest_again(const fs::path& path) {
  const io::SafetensorsFile file = io::SafetensorsFile::open(path);
  std::vector<io::TensorSpec> specs;
  for (const std::string& name : file.names())
    specs.push_back({name, file.at(name).dtype, file.at(name).shape});
  io::SafetensorsWriter writer(path, specs, io::with_reserved_digests(file.metadata(), specs));
  for (const io::TensorSpec& spec : specs) writer.append(file.at(spec.name).bytes);
  writer.publish();
}

std::string dev_python() {
  const char* deps = std::getenv("ARMORM_DEPS");
  const char* home = std::getenv("HOME");
  const fs::path root =
      deps != nullptr ? fs::path(deps) : fs::path(home != nullptr ? home : "") / ".cache/armorm/deps";
  const fs::path python = root / "dev/bin/python";
  return fs::exists(python) ? python.string() : "";
}

void truncate_file(const fs::path& path, std::uintmax_t bytes) { fs::resize_file(path, bytes); }

}  // namespace armorm::test
