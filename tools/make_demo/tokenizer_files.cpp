#include "tokenizer_files.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "io/publish.h"

namespace armorm::demo {
namespace {

using Json = nlohmann::ordered_json;

// The pre-tokenizer of Llama 3: contractions, words with one leading mark, up to three digits, punctuation,
// white space.
constexpr const char* kPieces =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// Each message is a header with its role, a blank line, the trimmed content and the end-of-turn token; BOS
// comes before the first.
constexpr const char* kChatTemplate =
    "{% for message in messages %}"
    "{% if loop.first %}{{ bos_token }}{% endif %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + "
    "'<|eot_id|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}";

constexpr const char* kBos = "<|begin_of_text|>";
constexpr const char* kEot = "<|eot_id|>";
constexpr const char* kPad = "[PAD]";

const std::vector<std::string>& special_tokens() {
  static const std::vector<std::string> tokens = {kBos,
                                                  "<|end_of_text|>",
                                                  "<|reserved_special_token_0|>",
                                                  "<|reserved_special_token_1|>",
                                                  "<|start_header_id|>",
                                                  "<|end_header_id|>",
                                                  "<|reserved_special_token_2|>",
                                                  kEot,
                                                  kPad};
  return tokens;
}

Json byte_level(bool add_prefix_space, bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", add_prefix_space},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

Json special_piece(int type_id) { return {{"SpecialToken", {{"id", kBos}, {"type_id", type_id}}}}; }
Json sequence_piece(const char* id, int type_id) {
  return {{"Sequence", {{"id", id}, {"type_id", type_id}}}};
}

Json add_bos(std::int64_t bos) {
  return {{"type", "TemplateProcessing"},
          {"single", Json::array({special_piece(0), sequence_piece("A", 0)})},
          {"pair",
           Json::array({special_piece(0), sequence_piece("A", 0), special_piece(1), sequence_piece("B", 1)})},
          {"special_tokens",
           {{kBos, {{"id", kBos}, {"ids", Json::array({bos})}, {"tokens", Json::array({kBos})}}}}}};
}

Json bpe_model(const BpeMerges& merges) {
  Json vocab = Json::object();
  Json pairs = Json::array();
  for (const std::string& symbol : merges.alphabet) vocab[symbol] = vocab.size();
  for (const auto& [left, right] : merges.merges) {
    if (!vocab.contains(left + right)) vocab[left + right] = vocab.size();
    pairs.push_back(Json::array({left, right}));
  }
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", true},
          {"vocab", vocab},
          {"merges", pairs}};
}

Json added_tokens(std::int64_t first_id) {
  Json tokens = Json::array();
  for (const std::string& token : special_tokens())
    tokens.push_back({{"id", first_id++},
                      {"content", token},
                      {"single_word", false},
                      {"lstrip", false},
                      {"rstrip", false},
                      {"normalized", false},
                      {"special", true}});
  return tokens;
}

Json tokenizer(const Json& model, std::int64_t first_special) {
  const Json split = {
      {"type", "Split"}, {"pattern", {{"Regex", kPieces}}}, {"behavior", "Isolated"}, {"invert", false}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added_tokens(first_special)},
          {"normalizer", nullptr},
          {"pre_tokenizer",
           {{"type", "Sequence"}, {"pretokenizers", Json::array({split, byte_level(false, false)})}}},
          {"post_processor", add_bos(first_special)},
          {"decoder", byte_level(true, true)},
          {"model", model}};
}

std::int64_t special_id(const char* token, std::int64_t first_special) {
  const auto found = std::find(special_tokens().begin(), special_tokens().end(), token);
  return first_special + (found - special_tokens().begin());
}

}  // namespace

SpecialIds write_tokenizer(const std::filesystem::path& folder, const BpeMerges& merges) {
  const Json model = bpe_model(merges);
  const auto first_special = static_cast<std::int64_t>(model["vocab"].size());
  io::publish_text(folder / "tokenizer.json", tokenizer(model, first_special).dump(1) + "\n");
  const Json config = {{"bos_token", kBos},
                       {"eos_token", kEot},
                       {"pad_token", kPad},
                       {"chat_template", kChatTemplate},
                       {"clean_up_tokenization_spaces", false},
                       {"model_input_names", Json::array({"input_ids", "attention_mask"})},
                       {"model_max_length", 8192},
                       {"tokenizer_class", "PreTrainedTokenizerFast"}};
  io::publish_text(folder / "tokenizer_config.json", config.dump(2) + "\n");
  return {first_special + static_cast<std::int64_t>(special_tokens().size()), special_id(kBos, first_special),
          special_id(kEot, first_special), special_id(kPad, first_special)};
}

}  // namespace armorm::demo
