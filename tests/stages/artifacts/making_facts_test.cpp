#include "stages/artifacts/making_facts.h"

#include <nlohmann/json.hpp>

#include "core/words.h"
#include "io/publish.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::artifacts;
using namespace armorm::test;

namespace {

Provenance described() {
  Provenance p;
  p.config_sha256 = std::string(64, 'c');
  p.tokenizer_sha256 = std::string(64, 'd');
  p.template_sha256 = std::string(64, 'e');
  p.precision = "bf16";
  p.gating_pattern = {7, 8, 9};
  p.facts.weights = std::string(64, 'a');
  p.facts.template_date = "";
  p.facts.allow_special_in_content = false;
  p.facts.tokenizer_files =
      R"({"added_tokens.json":"none","special_tokens_map.json":"s","tokenizer_config.json":"t"})";
  return p;
}

std::vector<std::string> texts(const std::vector<MakingDifference>& differences) {
  std::vector<std::string> list;
  for (const MakingDifference& d : differences)
    list.push_back(std::string(name_of(d.fact)) + " " + d.found + " " + d.expected);
  return list;
}

}  // namespace

TEST_CASE("every fact of the making is compared, and unknown ones agree", "[unit]") {
  const MakingFacts facts = making_facts(described());
  CHECK(facts.size() == words_of(MakingFact{}).size());
  CHECK(differences_of(facts, facts).empty());
  Provenance other = described();
  other.config_sha256 = std::string(64, '0');
  other.tokenizer_sha256 = std::string(64, '1');
  other.template_sha256 = std::string(64, '2');
  other.precision = "fp32";
  other.gating_pattern = {7, 8};
  other.facts.weights = std::string(64, '3');
  other.facts.template_date = "2024-07-26";
  other.facts.allow_special_in_content = true;
  other.facts.tokenizer_files =
      R"({"added_tokens.json":"u","special_tokens_map.json":"none","tokenizer_config.json":"v"})";
  CHECK(texts(differences_of(making_facts(other), facts)) ==
        std::vector<std::string>{
            "weights_fingerprint 333333333333... aaaaaaaaaaaa...", "config 000000000000... cccccccccccc...",
            "tokenizer 111111111111... dddddddddddd...", "tokenizer_config v t", "special_tokens_map none s",
            "added_tokens u none", "chat_template 222222222222... eeeeeeeeeeee...",
            "template_date 2024-07-26 none", "allow_special_in_content true false", "precision fp32 bf16",
            "gating_token_pattern 7,8 7,8,9"});
  CHECK(differences_of(making_facts(other), {}).empty());
  CHECK(differences_of({}, facts).empty());
}

TEST_CASE("regression weights carry the facts of the set that they were fitted to", "[unit]") {
  const TempDir dir;
  Provenance set = described();
  set.gating_pattern.clear();  // a fact of pairs alone
  RegressionWeights weights;
  weights.attributes = {"a"};
  weights.hidden_size = 2;
  weights.weight = {1, 2};
  weights.facts = set.facts;
  weights.inputs = set.inputs();
  weights.inputs[kPrecisionInput] = set.precision;
  weights.save(dir / "weights");
  const MakingFacts facts = making_facts(RegressionWeights::load(dir / "weights"));
  CHECK(facts == making_facts(set));
  CHECK(nlohmann::json::parse(text_of(facts)).at("precision") == "bf16");
}

TEST_CASE("each file that decides token ids has a digest", "[unit]") {
  const TempDir dir;
  const auto files = [&] { return nlohmann::json::parse(tokenizer_files_of(dir.path())); };
  CHECK(files() == nlohmann::json{{"tokenizer_config.json", "none"},
                                  {"special_tokens_map.json", "none"},
                                  {"added_tokens.json", "none"}});
  io::publish_text(dir / "added_tokens.json", "abc");
  // From Python: hashlib.sha256(b"abc").
  CHECK(files().at("added_tokens.json") ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
