#include "stages/artifacts/making_facts.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/hash.h"
#include "core/strings.h"
#include "core/words.h"

namespace armorm::stages::artifacts {
namespace fs = std::filesystem;
namespace {

constexpr const char* kNone = "none";  // of a file that is not there

struct TokenizerFile {
  MakingFact fact;
  const char* name;
};
constexpr TokenizerFile kTokenizerFiles[] = {
    {MakingFact::tokenizer_config, "tokenizer_config.json"},
    {MakingFact::special_tokens_map, "special_tokens_map.json"},
    {MakingFact::added_tokens, "added_tokens.json"},
};

void add(MakingFact fact, const std::string& value, MakingFacts& facts) {
  if (!value.empty()) facts[fact] = value;
}

// Empty when absent.
std::string value_in(const ArtifactInputs& inputs, const char* name) {
  const auto found = inputs.find(name);
  return found == inputs.end() ? "" : found->second;
}

// What `inputs` names as Provenance::inputs() does.
MakingFacts combine(const ArtifactInputs& inputs, const ModelFacts& facts) {
  MakingFacts all;
  add(MakingFact::weights_fingerprint, facts.weights.value_or(value_in(inputs, kWeightsInput)), all);
  add(MakingFact::config, value_in(inputs, kConfigInput), all);
  add(MakingFact::tokenizer, value_in(inputs, kTokenizerInput), all);
  add(MakingFact::chat_template, value_in(inputs, kTemplateInput), all);
  add(MakingFact::precision, value_in(inputs, kPrecisionInput), all);
  if (facts.template_date) all[MakingFact::template_date] = *facts.template_date;
  if (facts.allow_special_in_content)
    all[MakingFact::allow_special_in_content] = *facts.allow_special_in_content ? "true" : "false";
  if (!facts.tokenizer_files) return all;
  const ArtifactInputs files = parse_inputs(*facts.tokenizer_files);
  for (const TokenizerFile& file : kTokenizerFiles) add(file.fact, value_in(files, file.name), all);
  return all;
}

// Digests are as long in messages as is needed to tell them apart.
std::string short_form(const std::string& value) {
  constexpr std::size_t kDigestDigits = 64, kShown = 12;
  if (value.empty()) return kNone;
  return is_lower_hex(value, kDigestDigits) ? value.substr(0, kShown) + "..." : value;
}

}  // namespace

MakingFacts making_facts(const Provenance& provenance) {
  ArtifactInputs inputs = provenance.inputs();
  inputs[kPrecisionInput] = provenance.arithmetic();
  MakingFacts facts = combine(inputs, provenance.facts);
  add(MakingFact::gating_token_pattern, fmt::format("{}", fmt::join(provenance.gating_pattern, ",")), facts);
  return facts;
}

MakingFacts making_facts(const RegressionWeights& weights) { return combine(weights.inputs, weights.facts); }

std::vector<MakingDifference> differences_of(const MakingFacts& found, const MakingFacts& expected) {
  std::vector<MakingDifference> differences;
  for (const auto& [fact, value] : found)
    if (const auto other = expected.find(fact); other != expected.end() && other->second != value)
      differences.push_back({fact, short_form(value), short_form(other->second)});
  return differences;
}

std::string text_of(const MakingFacts& facts) {
  nlohmann::json by_word = nlohmann::json::object();
  for (const auto& [fact, value] : facts) by_word[std::string(name_of(fact))] = value;
  return by_word.dump();
}

std::string tokenizer_files_of(const fs::path& text_folder) {
  ArtifactInputs digests;
  for (const TokenizerFile& file : kTokenizerFiles) {
    std::error_code error;
    const fs::path path = text_folder / file.name;
    digests[file.name] = fs::exists(path, error) ? sha256_file_hex(path) : kNone;
  }
  return text_of(digests);
}

}  // namespace armorm::stages::artifacts
