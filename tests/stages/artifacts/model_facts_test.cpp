// Which embeddings and weights may be used together, and the date that a template with a clock gets.
#include "stages/artifacts/model_facts.h"

#include <fmt/core.h>

#include <cstdlib>

#include "armorm/extraction_options.h"
#include "core/error.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "stages/artifacts/embedding_set.h"
#include "stages/artifacts/regression_weights.h"
#include "stages/artifacts/weights_fingerprint.h"
#include "stages/resume/resume_key.h"
#include "stages/score.h"
#include "support/test_support.h"
#include "text/conversation_encoder.h"

using namespace armorm;
using namespace armorm::stages::artifacts;
using namespace armorm::test;
namespace fs = std::filesystem;
using Catch::Matchers::Contains;

namespace {

ModelFacts facts_of(const std::string& weights, bool special = false, const std::string& date = "") {
  ModelFacts facts;
  facts.weights = weights;
  facts.allow_special_in_content = special;
  facts.template_date = date;
  return facts;
}

void write_shard(const fs::path& folder, std::int64_t k, const Provenance& described) {
  Provenance p = described;
  p.kind = "preference";
  p.shard_idx = k;
  p.n_shards = 2;
  p.rows = 1;
  io::SafetensorsWriter writer(folder / fmt::format("set-train-{:05d}-of-00002.safetensors", k),
                               {{"embeddings", DType::bf16, {1, 2, 2}}}, p.to_metadata());
  writer.append(std::span<const BFloat16>(std::vector<BFloat16>(4)));
  writer.publish();
}

std::optional<Provenance> open_shards(const Provenance& first, const Provenance& second) {
  const TempDir dir;
  write_shard(dir.path(), 1, first);
  write_shard(dir.path(), 2, second);
  return EmbeddingSet::open(dir.path(), "set-train", "preference", "stage2-prepare").provenance();
}

Provenance with(const ModelFacts& facts) {
  Provenance p;
  p.facts = facts;
  return p;
}

// A model folder with a tokenizer and a template.
void write_text_side(const fs::path& folder, const std::string& chat_template) {
  io::publish_text(folder / "tokenizer.json", io::read_text_file(golden("text") / "tokenizer_llama3.json"));
  io::publish_text(folder / "chat_template.jinja", chat_template);
}

class TimeZone {
 public:
  explicit TimeZone(const char* name) {
    ::setenv("TZ", name, 1);
    ::tzset();
  }
  ~TimeZone() {
    ::unsetenv("TZ");
    ::tzset();
  }
  TimeZone(const TimeZone&) = delete;
  TimeZone& operator=(const TimeZone&) = delete;
};

}  // namespace

TEST_CASE("shards of other weights, or with another treatment of special tokens, are not combined",
          "[unit]") {
  CHECK(open_shards(with(facts_of("w")), with(facts_of("w")))->facts.weights == "w");
  CHECK_THROWS_WITH(open_shards(with(facts_of("w")), with(facts_of("v"))),
                    Contains("weights_fingerprint is v") && Contains("has w") && Contains("00002-of-00002"));
  CHECK_THROWS_WITH(open_shards(with(facts_of("w", true)), with(facts_of("w"))),
                    Contains("allow_special_in_content"));
  CHECK_THROWS_WITH(
      open_shards(with(facts_of("w", false, "2024-07-26")), with(facts_of("w", false, "2025-01-01"))),
      Contains("template_date is 2025-01-01"));
  // Earlier versions did not record this.
  CHECK(open_shards(with({}), with(facts_of("w")))->facts.weights == "w");
  CHECK_FALSE(open_shards(with({}), with({}))->facts.all_known());
  // Commits are reported, but do not decide.
  Provenance one = with(facts_of("w")), other = one;
  one.facts.commit = std::string(40, 'a');
  other.facts.commit = std::string(40, 'b');
  CHECK(open_shards(one, other)->facts.commit == one.facts.commit);
  other.dataset_config = "b";
  CHECK_THROWS_WITH(open_shards(one, other), Contains("dataset_config is 'b'"));
}

TEST_CASE("embeddings record the attention of their GPU, and shards of different kinds are not combined",
          "[unit]") {
  Provenance one = with(facts_of("w")), other = one;
  one.gpu_attention = "cuDNN 9.19.0";
  CHECK(open_shards(one, one)->gpu_attention == "cuDNN 9.19.0");
  CHECK(open_shards(one, other)->gpu_attention == "cuDNN 9.19.0");
  Provenance libtorch = one;
  for (const char* attention : {"LibTorch", "cuDNN 9.20.0"}) {
    libtorch.gpu_attention = attention;
    CHECK_THROWS_WITH(open_shards(one, libtorch), Contains(std::string("gpu_attention is '") + attention) &&
                                                      Contains("has 'cuDNN 9.19.0'"));
  }
  CHECK_FALSE(other.to_metadata().contains("gpu_attention"));
}

TEST_CASE("regression weights tell what made the embeddings they were fitted to", "[unit]") {
  const TempDir dir;
  RegressionWeights weights;
  weights.attributes = {"a"};
  weights.hidden_size = 2;
  weights.weight = {1, 2};
  weights.facts = facts_of("w", true, "2024-07-26");
  weights.save(dir / "weights");
  const ModelFacts read = RegressionWeights::load(dir / "weights").facts;
  CHECK(read.all_known());
  check_same_model(read, "read", weights.facts, "written");
  CHECK_THROWS_WITH(check_same_model(facts_of("v"), "the set", read, "the weights"),
                    Contains("the set: weights_fingerprint is v, but the weights has w"));
  weights.facts = {};
  weights.save(dir / "weights");
  CHECK_FALSE(RegressionWeights::load(dir / "weights").facts.weights.has_value());
}

TEST_CASE("weights have one fingerprint wherever they lie and however they are divided", "[unit]") {
  const TempDir dir;
  const auto write = [&](const std::string& name, const std::vector<io::TensorSpec>& tensors, float value) {
    io::SafetensorsWriter writer(dir / name, tensors, {});
    for (const io::TensorSpec& tensor : tensors) {
      std::vector<float> values(static_cast<std::size_t>(tensor.shape[0]), value);
      if (tensor.name == "b") values[0] = 7;
      writer.append(std::span<const float>(values));
    }
    writer.publish();
  };
  const io::TensorSpec a{"a", DType::f32, {3}}, b{"b", DType::f32, {2}};
  write("one/model.safetensors", {a, b}, 1);
  const std::string fingerprint = weights_fingerprint(dir / "one");
  fs::rename(dir / "one", dir / "moved");
  fs::last_write_time(dir / "moved/model.safetensors",
                      fs::file_time_type::clock::now() - std::chrono::hours(48));
  CHECK(weights_fingerprint(dir / "moved") == fingerprint);
  write("two/model-1.safetensors", {b}, 1);
  write("two/model-2.safetensors", {a}, 1);
  io::publish_text(dir / "two/model.safetensors.index.json",
                   R"({"weight_map": {"a": "model-2.safetensors", "b": "model-1.safetensors"}})");
  CHECK(weights_fingerprint(dir / "two") == fingerprint);
  write("other/model.safetensors", {a, b}, 2);
  CHECK(weights_fingerprint(dir / "other") != fingerprint);
}

TEST_CASE("a template that reads the clock is told one date on every day", "[unit]") {
  const TempDir dir;
  write_text_side(dir.path(), "{{ strftime_now('%d %b %Y') }} {{ messages[0].content }}");
  const Conversation conversation{{"user", "hello"}};
  const auto tokens = [&](const text::ConversationEncoder& encoder) {
    return encoder.encode(conversation).tokens;
  };
  const text::ConversationEncoder encoder(dir.path(), false, kTemplateDate);
  CHECK(encoder.template_date() == "2024-07-26");
  // The fallback of Llama 3.2's template without a clock.
  CHECK(tokens(encoder) == encoder.tokenizer().encode("26 Jul 2024 hello", false));
  const std::vector<text::tokenizer::TokenId> expected = tokens(encoder);
  for (const char* zone : {"Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York"}) {
    const TimeZone here(zone);
    CHECK(tokens(text::ConversationEncoder(dir.path(), false, kTemplateDate)) == expected);
  }
  CHECK(tokens(text::ConversationEncoder(dir.path(), false, "2025-02-01")) ==
        encoder.tokenizer().encode("01 Feb 2025 hello", false));
  write_text_side(dir.path(), "{{ messages[0].content }}");
  CHECK(text::ConversationEncoder(dir.path(), false, "2025-02-01").template_date().empty());
}

TEST_CASE("dates of templates are checked", "[unit]") {
  ScoreOptions options;
  for (const std::string date : {"", "2024-07-26", "2024-02-29", "1970-01-01"}) {
    options.template_date = date;
    CHECK_NOTHROW(options.validate());
  }
  for (const std::string date :
       {"today", "26 Jul 2024", "2024-13-01", "2023-02-29", "2024-7-26", "2024-07-261", "0000-01-01"}) {
    options.template_date = date;
    CHECK_THROWS_WITH(options.validate(),
                      Contains("--template_date: '" + date + "'") && Contains("YYYY-MM-DD"));
  }
}
