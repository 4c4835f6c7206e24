// The facts of configs/backbones/: complete, with sources, and those of models that this reader accepts,
// loads and plans. docs/backbones.md says what each key is.
#include <fmt/core.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <string_view>

#include "core/log.h"
#include "model/backbone_facts.h"
#include "model/model_test_support.h"
#include "model/work_estimate.h"
#include "support/chain_families.h"

namespace armorm::model {
namespace {

using namespace test;
using test::Json;
using Tokens = std::vector<text::tokenizer::TokenId>;

using Keys = std::vector<std::string>;

Keys keys_of(const Json& object) {
  Keys keys;
  for (const auto& item : object.items()) keys.push_back(item.key());
  return keys;
}

Keys rope_keys(const std::string& kind, const std::string& family) {
  Keys keys{"kind", "theta"};
  if (kind == "llama3")
    keys.insert(keys.end(),
                {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"});
  if (kind == "linear" || kind == "dynamic") keys.emplace_back("factor");
  if (kind == "longrope") keys.emplace_back("original_max_position_embeddings");
  if (is_gemma3(family)) keys.emplace_back("local_theta");
  return keys;
}

void check_keys(const Json& facts) {
  CHECK(keys_of(facts) == Keys{"id", "role", "base", "family", "parameters", "shape_of", "shape", "attention",
                               "rope", "head", "weights", "gate", "limits", "licence", "notes", "unverified",
                               "sources"});
  CHECK(keys_of(facts.at("shape")) == Keys{"num_hidden_layers", "hidden_size", "intermediate_size",
                                           "num_attention_heads", "num_key_value_heads", "head_dim",
                                           "vocab_size", "max_position_embeddings", "rms_norm_eps"});
  CHECK(keys_of(facts.at("attention")) ==
        Keys{"sliding_window", "sliding_layers", "query_pre_attn_scalar", "attn_logit_softcapping"});
  CHECK(keys_of(facts.at("rope")) == rope_keys(facts.at("rope").at("kind"), facts.at("family")));
  CHECK(keys_of(facts.at("head")) == Keys{"class", "tensors"});
  CHECK(keys_of(facts.at("weights")) == Keys{"format", "sharded", "dtype", "tied", "prefix"});
  CHECK(keys_of(facts.at("limits")) == Keys{"trained_tokens"});
  CHECK(keys_of(facts.at("licence")) == Keys{"name", "gated"});
  CHECK(keys_of(facts.at("sources")) == Keys{"id", "shape", "head", "weights", "gate", "limits", "licence"});
}

bool one_of(const Json& value, std::initializer_list<Json> words) {
  return std::find(words.begin(), words.end(), value) != words.end();
}

void check_words(const Json& facts) {
  const std::string id = facts.at("id");
  CHECK(std::regex_match(id, std::regex("[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")));
  CHECK(one_of(facts.at("role"), {"reward model", "base"}));
  CHECK(facts.at("base").is_null() == (facts.at("role") == "base"));
  CHECK(one_of(facts.at("attention").at("sliding_layers"), {"none", "even", "all", "five of six"}));
  CHECK((facts.at("attention").at("sliding_layers") == "none") ==
        facts.at("attention").at("sliding_window").is_null());
  CHECK(one_of(facts.at("weights").at("format"), {nullptr, "safetensors", "bin"}));
  CHECK(one_of(facts.at("weights").at("sharded"), {nullptr, true, false}));
  CHECK(one_of(facts.at("weights").at("tied"), {nullptr, true, false}));
  CHECK(one_of(facts.at("weights").at("dtype"), {nullptr, "bfloat16", "float16", "float32"}));
  CHECK(one_of(facts.at("weights").at("prefix"), {"", "model.", "language_model.model."}));
  CHECK(one_of(facts.at("licence").at("gated"), {nullptr, true, false}));
  CHECK(facts.at("limits").at("trained_tokens").is_number_integer() !=
        facts.at("limits").at("trained_tokens").is_null());
  CHECK_FALSE(facts.at("gate").get<std::string>().empty());
  for (const Json& note : facts.at("notes")) CHECK(note.get<std::string>().ends_with("."));
}

// "shape.vocab_size" or the complete "shape".
bool is_fact(const Json& facts, const std::string& path) {
  const std::size_t dot = path.find('.');
  const std::string group = path.substr(0, dot);
  if (!facts.contains(group)) return false;
  return dot == std::string::npos || facts.at(group).contains(path.substr(dot + 1));
}

// "model." is what nearly all tensors begin with.
bool has_values(const Json& group) {
  if (!group.is_object()) return true;
  return std::any_of(group.begin(), group.end(),
                     [](const Json& value) { return !value.is_null() && value != "model."; });
}

// Each group with a value has a source: a page or a file of a repository.
void check_sources(const Json& facts) {
  std::set<std::string> unverified;
  for (const Json& path : facts.at("unverified")) {
    CHECK(is_fact(facts, path.get<std::string>()));
    CHECK(unverified.insert(path.get<std::string>()).second);
  }
  for (const auto& [group, links] : facts.at("sources").items()) {
    CAPTURE(group);
    for (const Json& link : links)
      CHECK(std::regex_match(link.get<std::string>(), std::regex("https://[a-z0-9.-]+/[A-Za-z0-9_./-]+")));
    if (has_values(facts.at(group))) CHECK_FALSE(links.empty());
  }
}

// The warnings while it lives.
class Warnings {
 public:
  Warnings() {
    log::set_sink([this](log::Level level, std::string_view message) {
      if (level >= log::Level::warn) lines_.emplace_back(message);
    });
  }
  ~Warnings() { log::set_sink({}); }
  Warnings(const Warnings&) = delete;
  Warnings& operator=(const Warnings&) = delete;
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

ModelConfig parsed(const Json& facts) { return ModelConfig::parse(config_of(facts).dump(), "config.json"); }

void check_windows(const Json& facts, const ModelConfig& config) {
  const std::string kind = facts.at("attention").at("sliding_layers");
  for (std::size_t i = 0; i < config.layer_is_sliding.size(); ++i) {
    const bool expected =
        kind == "all" || (kind == "even" && i % 2 == 0) || (kind == "five of six" && i % 6 != 5);
    CHECK(config.layer_is_sliding[i] == expected);
  }
  CHECK(std::ssize(config.layer_is_sliding) == config.num_hidden_layers);
  const Json& window = facts.at("attention").at("sliding_window");
  CHECK(config.sliding_window == (window.is_null() ? 0 : window.get<std::int64_t>()));
}

void check_config(const Json& facts, const ModelConfig& config) {
  const Json& shape = facts.at("shape");
  CHECK(config.num_hidden_layers == shape.at("num_hidden_layers"));
  CHECK(config.hidden_size == shape.at("hidden_size"));
  CHECK(config.intermediate_size == shape.at("intermediate_size"));
  CHECK(config.num_attention_heads == shape.at("num_attention_heads"));
  CHECK(config.num_key_value_heads == shape.at("num_key_value_heads"));
  CHECK(config.head_dim == shape.at("head_dim"));
  CHECK(config.vocab_size == shape.at("vocab_size"));
  CHECK(config.max_position_embeddings == shape.at("max_position_embeddings"));
  CHECK(config.rms_norm_eps == shape.at("rms_norm_eps"));
  CHECK(config.rope_theta == facts.at("rope").at("theta"));
  const std::string kind = config.rope_scaling ? config.rope_scaling->rope_type : "default";
  CHECK(kind == facts.at("rope").at("kind"));
  const Json& scalar = facts.at("attention").at("query_pre_attn_scalar");
  CHECK(config.query_pre_attn_scalar == (scalar.is_null() ? 0.0 : scalar.get<double>()));
  check_windows(facts, config);
}

// Two per multiply-add and token: all parameters but those of the embedding; norms and biases are few.
void check_plan(const Json& facts, const ModelConfig& config) {
  const auto parameters = facts.at("parameters").get<std::int64_t>();
  CHECK(parameter_count(config) == parameters);
  CHECK(weight_bytes(config, Precision::bf16, 0) == 2 * static_cast<std::uint64_t>(parameters));
  const Tokens tokens(50, 1);
  std::vector<std::int64_t> all;
  for (std::int64_t i = 0; i < std::ssize(tokens); ++i) all.push_back(i);
  const std::vector<ExtractionRequest> requests{{tokens, all}};
  const WorkEstimate work = estimate_work(config, {}, requests, 4096);
  CHECK(work.computed_tokens == 50);
  const auto body = static_cast<double>(parameters - config.vocab_size * config.hidden_size);
  CHECK(work.matmul_flops / 50 == Approx(2.0 * body).epsilon(2e-3));
  CHECK(work.attention_flops > 0.0);
}

std::vector<float> embedded(const std::filesystem::path& folder) {
  const Backbone backbone =
      Backbone::load({.model_folder = folder, .precision = Precision::fp32, .device = kCpu});
  Tokens tokens;
  for (int i = 0; i < 40; ++i) tokens.push_back(static_cast<text::tokenizer::TokenId>((i * 37 + 11) % 64));
  PackedBatch batch = pack({tokens, {3, 1, 4, 1, 5}});
  batch.wanted = {20, 39, 44};
  return embed(backbone, batch);
}

// Without a warning: every tensor is the decoder's or known as a head's.
std::vector<float> embedded_folder(const Json& facts, bool bin, bool sharded) {
  const TempDir dir;
  write_model_folder(dir.path(), facts, bin, sharded);
  const Warnings warnings;
  std::vector<float> rows = embedded(dir.path());
  CHECK(warnings.lines() == std::vector<std::string>{});
  return rows;
}

// As published; where it is not known how, in each form, and all must give the same bits.
void check_folder(const Json& facts) {
  const Json small = tiny(facts);
  const Json &format = facts.at("weights").at("format"), &sharded = facts.at("weights").at("sharded");
  std::vector<float> first;
  for (const bool bin : {false, true}) {
    if (!format.is_null() && (format == "bin") != bin) continue;
    for (const bool shards : {false, true}) {
      if (!sharded.is_null() && sharded != shards) continue;
      CAPTURE(bin, shards);
      const std::vector<float> rows = embedded_folder(small, bin, shards);
      CHECK(std::all_of(rows.begin(), rows.end(), [](float value) { return std::isfinite(value); }));
      if (first.empty()) first = rows;
      CHECK(rows == first);
    }
  }
  CHECK_FALSE(first.empty());
}

std::string escaped(const Json& text) {
  return std::regex_replace(text.dump(), std::regex(R"(\|)"), R"(\|)");
}

std::string status_of(const Json& facts) {
  const Warnings warnings;
  try {
    static_cast<void>(parsed(facts));
  } catch (const Error&) {
    return "refused";
  }
  return test::runs_through_chain(facts.at("family").get<std::string>()) ? "whole chain" : "embeds";
}

std::string gate_of(const Json& facts) {
  const Json& unverified = facts.at("unverified");
  const bool is_verified = std::find(unverified.begin(), unverified.end(), "gate") == unverified.end();
  return fmt::format("`{}`{}", escaped(facts.at("gate")), is_verified ? "" : ", not verified");
}

std::string row_of(const Json& facts) {
  const std::string id = facts.at("id");
  const auto parameters = facts.at("parameters").get<double>();
  const Json &licence = facts.at("licence").at("name"), &base = facts.at("base");
  return fmt::format(
      "| `{}` | {} | {} | {:.2f} B | {:.1f} GB | {} | {} | {} |\n", id, facts.at("family").get<std::string>(),
      base.is_null() ? "itself" : base.get<std::string>(), parameters / 1e9, 2.0 * parameters / 1e9,
      gate_of(facts), licence.is_null() ? "not verified" : licence.get<std::string>(), status_of(facts));
}

}  // namespace

TEST_CASE("the files of published backbones have the known keys, and sources", "[unit]") {
  const std::vector<Json> all = backbone_facts();
  CHECK(all.size() >= 25);
  std::set<std::string> ids;
  for (const Json& facts : all) {
    CAPTURE(facts.at("id").get<std::string>());
    CHECK(ids.insert(facts.at("id")).second);
    check_keys(facts);
    check_words(facts);
    check_sources(facts);
  }
}

TEST_CASE("the facts of published backbones make a config.json that is read and planned", "[unit]") {
  for (const Json& facts : backbone_facts()) {
    CAPTURE(facts.at("id").get<std::string>());
    const Warnings warnings;
    const ModelConfig config = parsed(facts);
    CHECK(warnings.lines() == std::vector<std::string>{});
    check_config(facts, config);
    check_plan(facts, config);
  }
}

TEST_CASE("a small folder with the tensors of a published backbone embeds", "[unit]") {
  for (const Json& facts : backbone_facts()) {
    CAPTURE(facts.at("id").get<std::string>());
    check_folder(facts);
  }
}

// Else the absence of warnings above would say nothing.
TEST_CASE("a tensor that no published head has is warned of in every family", "[unit]") {
  std::set<std::string> families;
  for (Json facts : backbone_facts()) {
    if (!families.insert(facts.at("family")).second) continue;
    CAPTURE(facts.at("id").get<std::string>());
    facts["head"]["tensors"] = {"oddity.weight"};
    const TempDir dir;
    write_model_folder(dir.path(), tiny(facts), /*bin=*/false, /*sharded=*/false);
    const Warnings warnings;
    embedded(dir.path());
    REQUIRE(warnings.lines().size() == 1);
    CHECK_THAT(warnings.lines()[0], Catch::Contains("'oddity.weight'"));
  }
}

TEST_CASE("the page of backbones is that of their files", "[unit]") {
  const std::filesystem::path page = source_dir() / "docs/backbones.md";
  const std::string text = io::read_text_file(page);
  const std::string head = "| --- | --- | --- | --- | --- | --- | --- | --- |\n";
  const std::size_t rows = text.find(head);
  REQUIRE(rows != std::string::npos);
  std::string expected = text.substr(0, rows + head.size());
  for (const Json& facts : backbone_facts()) expected += row_of(facts);
  if (std::getenv("ARMORM_WRITE_DOCS") != nullptr) std::ofstream(page) << expected;
  CHECK(io::read_text_file(page) == expected);
}

}  // namespace armorm::model
