// --weights_memory: runs whose layers do not all stay in memory publish the bytes of those that keep them.
#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <thread>
#include <utility>

#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "stages/resume/journal.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;

namespace {

// Six layers instead of two, which are those two in turns. `file` has all layers.
void deepen(const fs::path& model, const char* file_name) {
  const fs::path weights = model / file_name, shallow = model / "shallow.tensors";
  fs::rename(weights, shallow);
  {
    const io::SafetensorsFile file = io::SafetensorsFile::open(shallow);
    std::map<std::string, io::TensorView> tensors;
    for (const std::string& name : file.names()) {
      tensors[name] = file.at(name);
      for (const int layer : {0, 1}) {
        const std::string prefix = "model.layers." + std::to_string(layer) + ".";
        for (int copy = layer + 2; name.starts_with(prefix) && copy < 6; copy += 2)
          tensors["model.layers." + std::to_string(copy) + "." + name.substr(prefix.size())] = file.at(name);
      }
    }
    std::vector<io::TensorSpec> specs;
    for (const auto& [name, view] : tensors) specs.push_back({name, view.dtype, view.shape});
    io::SafetensorsWriter writer(weights, specs, file.metadata());
    for (const auto& [name, view] : tensors) writer.append(view.bytes);
    writer.publish();
  }
  fs::remove(shallow);
  const fs::path config = model / "config.json";
  const std::string text = io::read_text_file(config);
  write_text(config, std::regex_replace(text, std::regex("(\"num_hidden_layers\": *)2"), "$016"));
}

const fs::path& deep_demo() {
  static const TempDir dir;
  static const fs::path path = [] {
    const fs::path demo = dir / "demo";
    copy_tree(demo_dir(), demo);
    deepen(demo / "model", "model.safetensors");
    return demo;
  }();
  return path;
}

std::vector<std::string> flags_for(const std::string& program, const fs::path& root,
                                   const std::vector<std::string>& more) {
  std::vector<std::string> flags = stage_flags(program, deep_demo(), root);
  if (program == "stage2-prepare")
    flags.insert(flags.end(), {"--dataset_path", (deep_demo() / "preference").string()});
  flags.insert(flags.end(), {"--batch_tokens", "2000", "--checkpoint_seconds", "0"});
  for (const std::string& flag : more) {
    const auto at = std::find(flags.begin(), flags.end(), flag);
    if (flag.starts_with("--") && at != flags.end()) flags.erase(at, at + 2);
  }
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

ProcessResult run_in(const std::string& program, const fs::path& root, const std::vector<std::string>& more) {
  ProcessResult result = run_program(program, flags_for(program, root, more));
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return result;
}

// The bytes of every shard by path below the root.
std::map<std::string, std::string> files_in(const fs::path& root) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(root / "embeddings"))
    if (entry.is_regular_file())
      files[fs::relative(entry.path(), root).string()] = io::read_text_file(entry.path());
  return files;
}

std::string least_in(const ProcessResult& refused) {
  INFO(refused.err);
  REQUIRE(refused.exit_code == 2);
  std::smatch match;
  REQUIRE(std::regex_search(refused.err, match, std::regex("smallest possible value is ([0-9]+)")));
  return match[1];
}

// The smallest value, as the usage error names it.
std::string least(const std::vector<std::string>& more) {
  const TempDir root;
  std::vector<std::string> flags = more;
  flags.insert(flags.end(), {"--weights_memory", "1"});
  std::string value =
      least_in(run_program("stage1-prepare", flags_for("stage1-prepare", root.path(), flags)));
  CHECK(fs::is_empty(root.path()));
  return value;
}

std::vector<std::string> with(std::vector<std::string> flags, const std::vector<std::string>& more) {
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

}  // namespace

TEST_CASE("shards with streamed layers have the bytes of those without", "[e2e]") {
  const std::vector<std::vector<std::string>> kinds{
      {"--precision", "fp32"}, {"--precision", "bf16"}, {"--precision", "fp32", "--kernels", "libtorch"}};
  for (const std::vector<std::string>& kind : kinds) {
    const std::string memory = least(kind);
    for (const std::string program : {"stage1-prepare", "stage2-prepare"}) {
      CAPTURE(program, kind, memory);
      const TempDir resident;
      const TempDir streamed;
      run_in(program, resident.path(), kind);
      const ProcessResult run =
          run_in(program, streamed.path(), with(kind, {"--weights_memory", memory, "--log_level", "info"}));
      CHECK_THAT(run.err, Catch::Contains("0 of 6 layers stay in memory") && Catch::Contains("sweep 2: "));
      CHECK(files_in(streamed.path()) == files_in(resident.path()));
    }
  }
}

TEST_CASE("a run with streamed layers that is killed or stopped resumes with any memory", "[e2e]") {
  const std::string memory = least({});
  const TempDir resident;
  run_in("stage1-prepare", resident.path(), {});
  for (const int signal : {SIGKILL, SIGTERM})
    for (const std::string& then : {memory, std::string("all")}) {
      CAPTURE(signal, then);
      const TempDir root;
      const fs::path target =
          root.path() / "embeddings" / "model" / "multi-objective-00001-of-00001.safetensors";
      ChildProcess run("stage1-prepare",
                       flags_for("stage1-prepare", root.path(), {"--weights_memory", memory}));
      const auto durable = [&] {
        const auto journal = stages::resume::read_journal(target.string() + ".journal");
        return journal && !journal->chunks.empty();
      };
      while (!durable() && !fs::exists(target)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      run.signal(signal);
      run.wait();
      const ProcessResult rest = run_in("stage1-prepare", root.path(), {"--weights_memory", then});
      CHECK(files_in(root.path()) == files_in(resident.path()));
    }
}

TEST_CASE("a dry run says which layers stay, the sweeps, what they read and what bounds them", "[e2e]") {
  const TempDir root;
  const std::string memory = least({});
  const std::string plan =
      run_in("stage1-prepare", root.path(), {"--weights_memory", memory, "--dry_run"}).out;
  CHECK_THAT(plan, Catch::Contains("0 of 6 stay in memory") && Catch::Contains("none; the others are read"));
  CHECK(std::regex_search(plan,
                          std::regex("sweeps +about [0-9]+ of [0-9]+ tokens; each reads [0-9.]+ [kMG]?B")));
  CHECK(std::regex_search(plan, std::regex("bound by +(arithmetic|reading): a sweep reads for")));
  CHECK_THAT(run_in("stage1-prepare", root.path(), {"--weights_memory", "auto", "--dry_run"}).out,
             Catch::Contains("layers     all stay in memory"));
  CHECK(run_in("stage1-prepare", root.path(), {"--dry_run"}).out.find("\nlayers ") == std::string::npos);
  CHECK(fs::is_empty(root.path()));
}

TEST_CASE("a dry run for a GPU says what each sweep copies and at which rate", "[e2e]") {
  const TempDir root;
  const std::vector<std::string> device{"--kernels", "auto", "--device", "98,99", "--dry_run"};
  const std::string memory = least(device);
  const std::string plan =
      run_in("stage1-prepare", root.path(), with(device, {"--weights_memory", memory})).out;
  CHECK_THAT(plan, Catch::Contains("0 of 6 stay in memory"));
  CHECK(std::regex_search(plan, std::regex("sweeps +on each device about [0-9]+ of [0-9]+ tokens; each "
                                           "copies [0-9.]+ [kMG]?B over PCIe")));
  CHECK_THAT(plan, Catch::Contains("12.0 GB/s (assumed: no device 98 here to measure)"));
  CHECK(std::regex_search(plan, std::regex("bound by +(arithmetic|copying|reading): a sweep loads")));
}

TEST_CASE("memory of weights that cannot be used is a usage error", "[e2e]") {
  const TempDir root;
  const auto error_of_flags = [&](const std::vector<std::string>& more) {
    const ProcessResult result =
        run_program("stage1-prepare", flags_for("stage1-prepare", root.path(), more));
    CHECK(result.exit_code == 2);
    return result.err;
  };
  CHECK_THAT(error_of_flags({"--weights_memory", "much"}),
             Catch::Contains("--weights_memory: 'much' is neither all, auto nor a number of bytes"));
  CHECK_THAT(error_of_flags({"--weights_memory", "auto", "--kernels", "auto", "--device", "99", "--dry_run"}),
             Catch::Contains("weights_memory: auto is chosen from the free memory of device 99"));
  CHECK_THAT(error_of_flags({"--weights_memory", "1kB"}),
             Catch::Contains("weights_memory: ") && Catch::Contains("1.0 kB are too little"));
}

TEST_CASE("scores with streamed layers have the bits of those without", "[e2e]") {
  const TempDir dir;
  const fs::path model = dir / "rm";
  copy_tree(demo_export(), model);
  constexpr const char* kFirst = "model-00001-of-00002.safetensors";
  deepen(model, kFirst);
  nlohmann::json index = nlohmann::json::parse(io::read_text_file(model / "model.safetensors.index.json"));
  const io::SafetensorsFile first = io::SafetensorsFile::open(model / kFirst);
  for (const std::string& name : first.names())
    if (!std::exchange(index["weight_map"][name], kFirst).is_string())
      index["metadata"]["total_size"] =
          index["metadata"]["total_size"].get<std::size_t>() + first.at(name).bytes.size();
  write_text(model / "model.safetensors.index.json", index.dump());
  std::string rows;
  for (int i = 0; i < 12; ++i)
    rows +=
        fmt::format(
            R"({{"messages":[{{"role":"user","content":"Name river number {}"}},{{"role":"assistant","content":"It is the {}th."}}]}})",
            i % 3, i) +
        "\n";
  write_text(dir / "rows.jsonl", rows);
  // The digests of the export are those of its two layers.
  const auto score = [&](const std::vector<std::string>& more) {
    return run_program(
        "score", with({"--model_path", model.string(), "--device", "-1", "--precision", "fp32", "--verify",
                       "off", "--input", (dir / "rows.jsonl").string(), "--log_level", "info"},
                      more));
  };
  const ProcessResult resident = score({});
  INFO(resident.err);
  REQUIRE(resident.exit_code == 0);
  const std::string memory = least_in(score({"--weights_memory", "1"}));
  for (const char* window : {"12", "5"}) {
    const ProcessResult streamed = score({"--weights_memory", memory, "--window", window});
    INFO(streamed.err);
    CHECK(streamed.out == resident.out);
    CHECK_THAT(streamed.err, Catch::Contains("they are read again for each batch of conversations"));
  }
}
