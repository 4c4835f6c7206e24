// Every kind of wrong input to the executables, and their response: the exit code, one line that names the
// place and the remedy, and no files left behind.
#include <algorithm>
#include <functional>

#include "e2e/demo_fixture.h"
#include "io/content_digests.h"
#include "io/read_file.h"
#include "io/safetensors.h"

using namespace armorm::test;
namespace fs = std::filesystem;

namespace {

struct Scene {
  fs::path demo;  // a private copy of the demo's model and data sets
  fs::path root;  // a private copy of a finished run's artefacts
};

struct Case {
  std::string name;
  std::string program;
  std::vector<std::string> flags;          // added to the program's default flags
  std::function<void(const Scene&)> edit;  // breaks something first; may be empty
  int exit_code = 0;
  std::vector<std::string> says;  // texts that the line must contain
};

void use_json_lines(const Scene& s, const std::string& set, const std::string& line) {
  fs::remove_all(s.demo / set);
  fs::create_directories(s.demo / set);
  write_text(s.demo / set / "train.jsonl", line + "\n");
}

const std::string kMessages =
    R"("messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}])";

std::vector<Case> usage_cases() {
  return {
      {"unknown flag", "stage1-prepare", {"--no_such_flag", "1"}, {}, 2, {"no_such_flag", "--help"}},
      {"flag without value", "stage1-train", {"--dataset_path"}, {}, 2, {"dataset_path", "--help"}},
      {"text for a number", "stage2-train", {"--n_steps", "many"}, {}, 2, {"n_steps", "many"}},
      {"no shards", "stage1-prepare", {"--n_shards", "0"}, {}, 2, {"--n_shards", "at least 1"}},
      {"shard past the last",
       "stage1-prepare",
       {"--n_shards", "2", "--shard_idx", "3"},
       {},
       2,
       {"--shard_idx", "1-based"}},
      {"shard zero", "stage2-prepare", {"--shard_idx", "0"}, {}, 2, {"--shard_idx", "1-based"}},
      {"unknown precision", "stage1-prepare", {"--precision", "int3"}, {}, 2, {"precision", "bf16"}},
      {"unknown device", "stage1-prepare", {"--device", "-2"}, {}, 2, {"--device", "-1"}},
      {"device twice", "stage1-prepare", {"--device", "1,1"}, {}, 2, {"--device", "twice"}},
      {"CPU among devices", "stage2-prepare", {"--device", "0,-1"}, {}, 2, {"--device", "alone"}},
      {"unknown family", "stage2-prepare", {"--model_family", "gpt2"}, {}, 2, {"model_family", "gemma2"}},
      {"wrong family",
       "stage2-prepare",
       {"--model_family", "gemma2"},
       {},
       2,
       {"--model_family", "config.json", "--model_family auto"}},
      {"zero length", "stage2-prepare", {"--seq_len", "0"}, {}, 2, {"--seq_len", "at least 1"}},
      {"attribute twice", "stage1-prepare", {"--attributes", "a,a"}, {}, 2, {"--attributes", "once"}},
      {"rename without =", "stage1-prepare", {"--columns", "messages"}, {}, 2, {"--columns", "name=column"}},
      {"negative alpha", "stage1-train", {"--alphas", "1,-1"}, {}, 2, {"--alphas", "-1"}},
      {"dropout of one", "stage2-train", {"--dropout", "1"}, {}, 2, {"--dropout", "below 1"}},
      {"zero temperature", "stage2-train", {"--temperature", "0"}, {}, 2, {"--temperature", "above 0"}},
      {"no steps", "stage2-train", {"--n_steps", "0"}, {}, 2, {"--n_steps", "at least 1"}},
      {"verbosity attribute out of range",
       "stage2-train",
       {"--verbosity_dim", "19"},
       {},
       2,
       {"--verbosity_dim", "18"}},
      {"unknown log level", "stage1-train", {"--log_level", "loud"}, {}, 2, {"--log_level", "warn"}},
      {"missing config",
       "stage1-train",
       {"--config", "/nonexistent.json"},
       {},
       3,
       {"/nonexistent.json", "configs/"}},
  };
}

std::vector<Case> config_cases() {
  const auto with_config = [](std::string name, const std::string& text, std::vector<std::string> says) {
    return Case{std::move(name),
                "stage1-train",
                {"--config", "@demo/c.json"},
                [text](const Scene& s) { write_text(s.demo / "c.json", text); },
                2,
                std::move(says)};
  };
  return {
      with_config("config key unknown", R"({"stage1-train": {"alpha": 1}})", {"c.json", "'alpha'", "--help"}),
      with_config("config section unknown", R"({"stage3": {}})", {"c.json", "'stage3'"}),
      with_config("config common key unknown", R"({"common": {"zzz": 1}})", {"c.json", "'zzz'"}),
      with_config("config value of wrong type", R"({"stage1-train": {"refit": "yes"}})",
                  {"refit", "true or false"}),
      with_config("config log level unknown", R"({"common": {"log_level": "loud"}})",
                  {"common.log_level", "warn"}),
      with_config("config not JSON", R"({"stage1-train": )", {"c.json", "not valid JSON"}),
  };
}

std::vector<Case> missing_cases() {
  return {
      {"model folder missing", "stage1-prepare", {"--model_path", "@demo/nothing"}, {}, 3, {"nothing"}},
      {"data set missing", "stage1-prepare", {"--dataset_path", "@demo/nothing"}, {}, 3, {"nothing"}},
      {"config.json missing",
       "stage1-prepare",
       {},
       [](const Scene& s) { fs::remove(s.demo / "model/config.json"); },
       3,
       {"config.json"}},
      {"tokenizer.json missing",
       "stage1-prepare",
       {},
       [](const Scene& s) { fs::remove(s.demo / "model/tokenizer.json"); },
       3,
       {"tokenizer.json"}},
      {"weights missing",
       "stage1-prepare",
       {},
       [](const Scene& s) { fs::remove(s.demo / "model/model.safetensors"); },
       3,
       {"model.safetensors"}},
      {"no embeddings",
       "stage1-train",
       {},
       [](const Scene& s) { fs::remove_all(s.root / "embeddings"); },
       3,
       {"multi-objective", "stage1-prepare"}},
      {"shard missing",
       "stage1-train",
       {},
       [](const Scene& s) {
         const fs::path folder = s.root / "embeddings/model";
         fs::rename(folder / "multi-objective-00001-of-00001.safetensors",
                    folder / "multi-objective-00002-of-00003.safetensors");
       },
       3,
       {"1, 3", "--n_shards 3"}},
      {"regression weights missing",
       "stage2-train",
       {},
       [](const Scene& s) { fs::remove_all(s.root / "regression_weights"); },
       3,
       {"regression_weights", "stage1-train"}},
      {"preference embeddings missing",
       "stage2-train",
       {},
       [](const Scene& s) { fs::remove(s.root / "embeddings/model/preference-train.safetensors"); },
       3,
       {"preference-train", "stage2-prepare"}},
      {"RewardBench embeddings missing",
       "stage2-train",
       {},
       [](const Scene& s) { fs::remove(s.root / "embeddings/model/reward-bench-filtered.safetensors"); },
       3,
       {"reward-bench-filtered", "stage2-prepare"}},
  };
}

// Otherwise the finished shard, made with the model as it was, is the first thing that differs.
void forget_embeddings(const Scene& s) { fs::remove_all(s.root / "embeddings"); }

std::vector<Case> model_cases() {
  const auto broken = [](std::string name, std::function<void(const Scene&)> edit,
                         std::vector<std::string> says) {
    return Case{std::move(name), "stage1-prepare", {}, std::move(edit), 4, std::move(says)};
  };
  const auto weights = [](const Scene& s) { return s.demo / "model/model.safetensors"; };
  return {
      broken("weights truncated",
             [=](const Scene& s) { truncate_file(weights(s), fs::file_size(weights(s)) - 100); },
             {"model.safetensors"}),
      broken("weights' header cut off", [=](const Scene& s) { truncate_file(weights(s), 20); },
             {"model.safetensors"}),
      broken("weights' header size lies",
             [=](const Scene& s) {
               std::string bytes = armorm::io::read_text_file(weights(s));
               bytes[6] = '\x7f';
               write_text(weights(s), bytes);
             },
             {"model.safetensors", "header"}),
      broken("a tensor's shape lies",
             [=](const Scene& s) { replace_in_file(weights(s), "\"shape\":[", "\"shape\":[9"); },
             {"model.safetensors"}),
      broken("a tensor renamed away",
             [=](const Scene& s) {
               replace_in_file(weights(s), "input_layernorm", "input_layernorx");
               forget_embeddings(s);
             },
             {"input_layernorm"}),
      broken("config names an unknown architecture",
             [](const Scene& s) { replace_in_file(s.demo / "model/config.json", "\"llama\"", "\"bert\""); },
             {"config.json", "bert", "llama"}),
      broken("config is not JSON", [](const Scene& s) { write_text(s.demo / "model/config.json", "{"); },
             {"config.json"}),
      broken("config disagrees with the weights",
             [](const Scene& s) {
               replace_in_file(s.demo / "model/config.json",
                               "\"intermediate_size\": ", "\"intermediate_size\": 1");
               forget_embeddings(s);
             },
             {"model.safetensors"}),
      broken("tokenizer is not JSON",
             [](const Scene& s) { write_text(s.demo / "model/tokenizer.json", "[1,"); }, {"tokenizer.json"}),
      broken(
          "tokenizer of an unsupported kind",
          [](const Scene& s) { replace_in_file(s.demo / "model/tokenizer.json", "\"BPE\"", "\"Unigram\""); },
          {"tokenizer.json", "Unigram"}),
      broken("no chat template",
             [](const Scene& s) {
               replace_in_file(s.demo / "model/tokenizer_config.json", "\"chat_template\"",
                               "\"chat_templatx\"");
             },
             {"chat_template"}),
      broken("template with an unknown construct",
             [](const Scene& s) { write_text(s.demo / "model/chat_template.jinja", "{% include 'x' %}"); },
             {"include"}),
  };
}

std::vector<Case> data_cases() {
  const auto rows = [](std::string name, const std::string& line, std::vector<std::string> says) {
    return Case{std::move(name),
                "stage1-prepare",
                {"--attributes", "a"},
                [line](const Scene& s) { use_json_lines(s, "multi-objective", line); },
                4,
                std::move(says)};
  };
  const auto pairs = [](std::string name, const std::string& line, std::vector<std::string> says) {
    return Case{std::move(name),
                "stage2-prepare",
                {"--dataset_path", "@demo/preference"},
                [line](const Scene& s) { use_json_lines(s, "preference", line); },
                4,
                std::move(says)};
  };
  return {
      {"split missing", "stage1-prepare", {"--dataset_split", "nowhere"}, {}, 4, {"nowhere", "train"}},
      {"attribute column missing",
       "stage1-prepare",
       {"--attributes", "no-such-label"},
       {},
       4,
       {"no-such-label", "helpsteer-helpfulness"}},
      {"source never occurs",
       "stage2-prepare",
       {"--dataset_path", "@demo/preference", "--source", "nobody"},
       {},
       4,
       {"nobody", "--source"}},
      {"all pairs too long",
       "stage2-prepare",
       {"--dataset_path", "@demo/preference", "--seq_len", "2"},
       {},
       4,
       {"--seq_len"}},
      {"more shards than rows",
       "stage1-prepare",
       {"--n_shards", "9999", "--shard_idx", "9999"},
       {},
       4,
       {"--n_shards"}},
      rows("messages column missing", R"({"a":1})", {"messages"}),
      rows("label is text", "{" + kMessages + R"(,"a":"good"})", {"train.jsonl", "\"a\"", "row 0"}),
      rows("messages is text", R"({"messages":"hello","a":1})", {"train.jsonl", "messages"}),
      rows("messages is empty", R"({"messages":[],"a":1})", {"messages", "row 0"}),
      rows("message without role", R"({"messages":[{"content":"x"}],"a":1})", {"role", "row 0"}),
      rows("content is a number", R"({"messages":[{"role":"user","content":3}],"a":1})",
           {"content", "row 0"}),
      rows("broken JSON line", "{" + kMessages, {"train.jsonl"}),
      pairs("rejected side missing",
            R"({"chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]})", {"rejected"}),
      pairs("no assistant turn",
            R"({"chosen":[{"role":"user","content":"q"}],"rejected":[{"role":"user","content":"q"}]})",
            {"row 0", "gating"}),
      {"Parquet cut off",
       "stage2-prepare",
       {"--dataset_path", "@demo/preference"},
       [](const Scene& s) {
         for (const auto& entry : fs::recursive_directory_iterator(s.demo / "preference"))
           if (entry.path().extension() == ".parquet")
             truncate_file(entry.path(), fs::file_size(entry.path()) / 2);
       },
       4,
       {".parquet"}},
  };
}

std::vector<Case> artefact_cases() {
  const auto embeddings = [](const Scene& s, const char* name) { return s.root / "embeddings/model" / name; };
  const std::string labelled = "multi-objective-00001-of-00001.safetensors";
  return {
      {"embeddings truncated",
       "stage1-train",
       {},
       [=](const Scene& s) { truncate_file(embeddings(s, labelled.c_str()), 5000); },
       4,
       {labelled}},
      {"stale second set of shards",
       "stage1-train",
       {},
       [=](const Scene& s) {
         fs::copy(embeddings(s, labelled.c_str()),
                  embeddings(s, "multi-objective-00001-of-00002.safetensors"));
       },
       4,
       {"more than once", "stale"}},
      {"shards of different runs",
       "stage1-train",
       {},
       [=](const Scene& s) {
         fs::rename(embeddings(s, labelled.c_str()),
                    embeddings(s, "multi-objective-00001-of-00002.safetensors"));
         replace_in_file(embeddings(s, "multi-objective-00001-of-00002.safetensors"), "\"n_shards\":\"1\"",
                         "\"n_shards\":\"2\"");
         digest_again(embeddings(s, "multi-objective-00001-of-00002.safetensors"));
         fs::copy(embeddings(s, "multi-objective-00001-of-00002.safetensors"),
                  embeddings(s, "multi-objective-00002-of-00002.safetensors"));
         replace_in_file(embeddings(s, "multi-objective-00002-of-00002.safetensors"), "\"shard_idx\":\"1\"",
                         "\"shard_idx\":\"2\"");
         replace_in_file(embeddings(s, "multi-objective-00002-of-00002.safetensors"),
                         "\"precision\":\"fp32\"", "\"precision\":\"bf16\"");
         digest_again(embeddings(s, "multi-objective-00002-of-00002.safetensors"));
       },
       4,
       {"precision", "different runs"}},
      {"pair embeddings where labelled ones belong",
       "stage1-train",
       {},
       [=](const Scene& s) {
         fs::remove(embeddings(s, labelled.c_str()));
         fs::copy(embeddings(s, "preference-train.safetensors"), embeddings(s, labelled.c_str()));
       },
       4,
       {labelled}},
      {"embeddings of other model weights",
       "stage2-train",
       {},
       [=](const Scene& s) {
         const fs::path pairs = embeddings(s, "preference-train.safetensors");
         const std::string made_with =
             armorm::io::SafetensorsFile::open(pairs).metadata().at("weights_fingerprint");
         const std::string field = "\"weights_fingerprint\":\"";
         replace_in_file(pairs, field + made_with, field + std::string(made_with.size(), '0'));
         digest_again(pairs);
       },
       4,
       {"preference-train.safetensors: weights_fingerprint", "regression_weights", "make one of them again"}},
      {"weights of another width",
       "stage2-train",
       {},
       [](const Scene& s) {
         armorm::io::Metadata metadata;
         for (const auto& entry : fs::directory_iterator(s.root / "regression_weights")) {
           if (entry.path().extension() == ".safetensors") {
             auto file = armorm::io::SafetensorsFile::open(entry.path());
             metadata = file.metadata();
             const std::vector<armorm::io::TensorSpec> specs{{"weight", armorm::DType::f32, {19, 3}}};
             armorm::io::SafetensorsWriter writer(entry.path(), specs,
                                                  armorm::io::with_reserved_digests(metadata, specs));
             const std::vector<float> zeros(19 * 3);
             writer.append(std::span<const float>(zeros));
             writer.publish();
           }
           if (entry.path().extension() == ".pt") fs::remove(entry.path());
         }
       },
       4,
       {"regression_weights"}},
      {"gating split too small",
       "stage2-prepare",
       {"--dataset_path", "@demo/preference", "--n_shards", "9999", "--shard_idx", "9999"},
       {},
       4,
       {"--n_shards"}},
  };
}

std::string expand(const std::string& flag, const Scene& scene) {
  return flag.starts_with("@demo") ? scene.demo.string() + flag.substr(5) : flag;
}

std::vector<std::string> files_below(const fs::path& folder) {
  std::vector<std::string> names;
  if (!fs::exists(folder)) return names;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) names.push_back(entry.path().string());
  std::sort(names.begin(), names.end());
  return names;
}

// An option may be given only once, so a case's own value replaces the default one.
std::vector<std::string> merge_flags(std::vector<std::string> usual, const std::vector<std::string>& own) {
  for (const std::string& flag : own) {
    if (!flag.starts_with("--")) continue;
    const auto at = std::find(usual.begin(), usual.end(), flag);
    if (at != usual.end()) usual.erase(at, at + 2);
  }
  usual.insert(usual.end(), own.begin(), own.end());
  return usual;
}

void run_case(const Case& c) {
  INFO("case: " << c.name);
  const TempDir dir;
  const Scene scene{dir / "demo", dir / "root"};
  copy_tree(demo_dir(), scene.demo);
  copy_tree(demo_run(), scene.root);
  if (c.edit) c.edit(scene);
  std::vector<std::string> own;
  for (const std::string& flag : c.flags) own.push_back(expand(flag, scene));
  const std::vector<std::string> before = files_below(scene.root);

  const ProcessResult result =
      run_program(c.program, merge_flags(stage_flags(c.program, scene.demo, scene.root), own));

  INFO("stderr: " << result.err);
  CHECK(result.exit_code == c.exit_code);
  const std::string prefix = c.program + ": error: ";
  const std::size_t at = result.err.find(prefix);
  REQUIRE(at != std::string::npos);
  const std::string line = result.err.substr(at);
  CHECK(std::count(line.begin(), line.end(), '\n') == 1);
  for (const std::string& piece : c.says) {
    INFO("must say: " << piece);
    CHECK(line.find(piece) != std::string::npos);
  }
  CHECK(files_below(scene.root) == before);
}

void run_cases(const std::vector<Case>& cases) {
  for (const Case& c : cases) run_case(c);
}

}  // namespace

TEST_CASE("wrong flags are usage errors", "[e2e]") { run_cases(usage_cases()); }
TEST_CASE("wrong config files are usage errors", "[e2e]") { run_cases(config_cases()); }
TEST_CASE("missing files are I/O errors", "[e2e]") { run_cases(missing_cases()); }
TEST_CASE("broken model folders are data errors", "[e2e]") { run_cases(model_cases()); }
TEST_CASE("broken rows are data errors", "[e2e]") { run_cases(data_cases()); }
TEST_CASE("artefacts that do not belong together are data errors", "[e2e]") { run_cases(artefact_cases()); }
