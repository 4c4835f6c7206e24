#include "stages/artifacts/model_facts.h"

#include "core/error.h"

namespace armorm::stages::artifacts {
namespace {

constexpr const char* kWeights = "weights_fingerprint";
constexpr const char* kCommit = "model_commit";
constexpr const char* kSpecial = "allow_special_in_content";
constexpr const char* kDate = "template_date";
constexpr const char* kTokenizerFiles = "tokenizer_files";

std::optional<std::string> text_of(const io::Metadata& metadata, const char* key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? std::nullopt : std::optional(found->second);
}

std::string shown(const std::string& text) { return text.empty() ? "none" : text; }
std::string shown(bool value) { return value ? "true" : "false"; }

template <class T>
void check_field(const char* field, const std::optional<T>& found, const std::string& where,
                 const std::optional<T>& expected, const std::string& other_where) {
  if (!found || !expected || *found == *expected) return;
  fail_data(
      "{}: {} is {}, but {} has {}; they cannot be used together, make one of them again with the model and "
      "options of "
      "the other",
      where, field, shown(*found), other_where, shown(*expected));
}

template <class T>
void complete(std::optional<T>& ours, const std::optional<T>& other) {
  if (!ours) ours = other;
}

}  // namespace

void ModelFacts::add_to(io::Metadata& metadata) const {
  if (weights) metadata[kWeights] = *weights;
  if (!commit.empty()) metadata[kCommit] = commit;
  if (allow_special_in_content) metadata[kSpecial] = shown(*allow_special_in_content);
  if (template_date) metadata[kDate] = *template_date;
  if (tokenizer_files) metadata[kTokenizerFiles] = *tokenizer_files;
}

ModelFacts ModelFacts::from_metadata(const io::Metadata& metadata) {
  ModelFacts facts;
  facts.weights = text_of(metadata, kWeights);
  facts.commit = text_of(metadata, kCommit).value_or("");
  if (const auto special = text_of(metadata, kSpecial)) facts.allow_special_in_content = *special == "true";
  facts.template_date = text_of(metadata, kDate);
  facts.tokenizer_files = text_of(metadata, kTokenizerFiles);
  return facts;
}

void ModelFacts::complete_from(const ModelFacts& other) {
  complete(weights, other.weights);
  complete(allow_special_in_content, other.allow_special_in_content);
  complete(template_date, other.template_date);
  complete(tokenizer_files, other.tokenizer_files);
  if (commit.empty()) commit = other.commit;
}

void check_same_model(const ModelFacts& facts, const std::string& where, const ModelFacts& other,
                      const std::string& other_where) {
  check_field(kWeights, facts.weights, where, other.weights, other_where);
  check_field(kSpecial, facts.allow_special_in_content, where, other.allow_special_in_content, other_where);
  check_field(kDate, facts.template_date, where, other.template_date, other_where);
  check_field(kTokenizerFiles, facts.tokenizer_files, where, other.tokenizer_files, other_where);
}

}  // namespace armorm::stages::artifacts
