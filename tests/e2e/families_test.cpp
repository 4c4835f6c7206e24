// The complete chain on a tiny backbone of each family, and its export in transformers.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "data/dataset.h"
#include "e2e/demo_fixture.h"
#include "io/safetensors.h"
#include "model/weights_folder.h"
#include "support/chain_families.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

struct Family {
  std::string_view model_type;
  const char* chat_template;  // below tests/goldens/text
  const char* pattern;        // text by which it opens an answer
};

constexpr const char* kChat = "<|im_end|>\\n<|im_start|>assistant";
constexpr const char* kGemma = "<end_of_turn>\\n<start_of_turn>model";
constexpr Family kFamilies[] = {
    {"llama", "template/chatml", kChat},        {"gemma2", "template/gemma2", kGemma},
    {"gemma3_text", "template/gemma2", kGemma}, {"gemma3", "template/gemma2", kGemma},
    {"mistral", "template/mistral", "[/INST]"}, {"qwen2", "template/qwen25", kChat},
    {"qwen3", "gating/thinking", kChat},        {"phi3", "template/chatml", kChat},
    {"internlm2", "template/chatml", kChat},
};

ProcessResult must_run(const std::string& program, const std::vector<std::string>& flags) {
  ProcessResult result = run_program(program, flags);
  INFO(program << ": " << result.err);
  REQUIRE(result.exit_code == 0);
  return result;
}

// The flags of the demo, for another model.
std::vector<std::string> flags_for(const std::string& program, const fs::path& model, const fs::path& root,
                                   const std::vector<std::string>& more) {
  std::vector<std::string> flags = stage_flags(program, demo_dir(), root);
  *(std::find(flags.begin(), flags.end(), "--model_path") + 1) = model.string();
  flags.insert(flags.end(), more.begin(), more.end());
  // Some templates refuse the demo's rows with a system message.
  if (program.ends_with("prepare"))
    flags.insert(flags.end(), {"--on_bad_row", "skip", "--max_bad_rows", "0.5"});
  return flags;
}

void run_chain(const fs::path& model, const fs::path& root, const fs::path& exported) {
  must_run("stage1-prepare", flags_for("stage1-prepare", model, root, {}));
  must_run("stage1-train", flags_for("stage1-train", model, root, {}));
  for (const char* set : {"preference", "reference"})
    must_run("stage2-prepare",
             flags_for("stage2-prepare", model, root, {"--dataset_path", (demo_dir() / set).string()}));
  must_run("stage2-prepare", flags_for("stage2-prepare", model, root,
                                       {"--dataset_path", (demo_dir() / "reward-bench").string(),
                                        "--dataset_split", "filtered"}));
  must_run("stage2-train", flags_for("stage2-train", model, root, {"--export", exported.string()}));
}

std::string write_conversations(const fs::path& path) {
  std::string text;
  const data::Dataset demo =
      data::Dataset::open({.path = demo_dir() / "preference", .split = "train", .config = "", .columns = {}});
  demo.for_each_preference({}, [&](data::PreferenceRow&& row) {
    if (row.row_id >= 4) return;
    json messages = json::array();
    for (const Message& message : row.chosen)
      if (message.role != "system")
        messages.push_back({{"role", message.role}, {"content", message.content}});
    text += json{{"messages", messages}}.dump() + "\n";
  });
  write_text(path, text);
  return text;
}

void check_same_decoder(const fs::path& exported, const fs::path& llama) {
  const model::WeightsFolder found = model::WeightsFolder::open(exported);
  const io::SafetensorsFile expected = io::SafetensorsFile::open(llama / "model.safetensors");
  for (const std::string& name : expected.names()) {
    if (!name.starts_with("model.")) continue;
    INFO(name);
    const io::StoredTensor tensor = found.at(name);
    CHECK(tensor.shape == expected.at(name).shape);
    CHECK(std::ranges::equal(tensor.bytes, expected.at(name).bytes));
  }
}

}  // namespace

TEST_CASE("the families that are called tested are tested", "[unit]") {
  CHECK(std::ranges::equal(kFamilies, kChainFamilies, {}, &Family::model_type));
}

TEST_CASE("every family runs through the complete chain, and transformers loads its export", "[e2e]") {
  const std::string python = dev_python();
  if (python.empty()) ARMORM_SKIP("the Python of scripts/setup.sh --dev is not here");
  for (const Family& family : kFamilies) {
    INFO(family.model_type << " with " << family.chat_template);
    const TempDir dir;
    const fs::path model = dir / "model", root = dir / "root", exported = dir / "exported";
    const fs::path chat_template = golden("text/" + std::string(family.chat_template) + ".jinja");
    must_run(python, {(source_dir() / "scripts/goldens/make_family_model.py").string(),
                      std::string(family.model_type), (demo_dir() / "model").string(), chat_template.string(),
                      model.string()});
    const ProcessResult plan = must_run(
        "stage2-prepare", flags_for("stage2-prepare", model, root,
                                    {"--dataset_path", (demo_dir() / "preference").string(), "--dry_run"}));
    CHECK(plan.out.find(std::string("at the last '") + family.pattern) != std::string::npos);
    const bool has_reward_token = family.model_type == "internlm2";
    CHECK((plan.out.find(": [REWARD] (") != std::string::npos) == has_reward_token);
    run_chain(model, root, exported);
    if (has_reward_token) check_same_decoder(exported, dir / "model-llama");
    write_conversations(dir / "in.jsonl");
    const ProcessResult check =
        run_program(python, {(source_dir() / "scripts/goldens/check_export.py").string(), exported.string(),
                             (dir / "in.jsonl").string(), (bin_dir() / "score").string()});
    INFO(check.out);
    INFO(check.err);
    CHECK(check.exit_code == 0);
    CHECK(check.out.find("4 conversations") != std::string::npos);
  }
}
