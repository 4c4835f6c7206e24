#include "text/tokenizer/rebuild.h"

#include <algorithm>

#include "core/error.h"
#include "text/tokenizer/pre_tokenizer_fast.h"

namespace armorm::text::tokenizer {
namespace {

using nlohmann::json;

// Further classes that build their own tokenizer, or use none of tokenizer.json.
constexpr std::string_view kOtherClasses[] = {"AlbertTokenizer",
                                              "BartTokenizer",
                                              "BarthezTokenizer",
                                              "BartphoTokenizer",
                                              "BertJapaneseTokenizer",
                                              "BertTokenizer",
                                              "BertweetTokenizer",
                                              "BigBirdTokenizer",
                                              "BioGptTokenizer",
                                              "BlenderbotSmallTokenizer",
                                              "BlenderbotTokenizer",
                                              "ByT5Tokenizer",
                                              "CLIPTokenizer",
                                              "CTRLTokenizer",
                                              "CamembertTokenizer",
                                              "CanineTokenizer",
                                              "ClvpTokenizer",
                                              "CodeLlamaTokenizer",
                                              "CohereTokenizer",
                                              "CpmAntTokenizer",
                                              "CpmTokenizer",
                                              "DPRQuestionEncoderTokenizer",
                                              "DebertaTokenizer",
                                              "DebertaV2Tokenizer",
                                              "DiaTokenizer",
                                              "EsmTokenizer",
                                              "EsmcTokenizer",
                                              "FSMTTokenizer",
                                              "FlaubertTokenizer",
                                              "FunnelTokenizer",
                                              "GPTNeoXJapaneseTokenizer",
                                              "GPTNeoXTokenizer",
                                              "HerbertTokenizer",
                                              "LEDTokenizer",
                                              "LasrTokenizer",
                                              "LayoutLMv2Tokenizer",
                                              "LayoutLMv3Tokenizer",
                                              "LayoutXLMTokenizer",
                                              "LukeTokenizer",
                                              "LxmertTokenizer",
                                              "MBart50Tokenizer",
                                              "MBartTokenizer",
                                              "MPNetTokenizer",
                                              "MarkupLMTokenizer",
                                              "MgpstrTokenizer",
                                              "MobileBertTokenizer",
                                              "MvpTokenizer",
                                              "MyT5Tokenizer",
                                              "NllbTokenizer",
                                              "NougatTokenizer",
                                              "OpenAIGPTTokenizer",
                                              "PLBartTokenizer",
                                              "PegasusTokenizer",
                                              "PerceiverTokenizer",
                                              "PhobertTokenizer",
                                              "ProphetNetTokenizer",
                                              "Qwen3_5Tokenizer",
                                              "RagTokenizer",
                                              "ReformerTokenizer",
                                              "RemBertTokenizer",
                                              "RoCBertTokenizer",
                                              "RoFormerTokenizer",
                                              "RobertaTokenizer",
                                              "SeamlessM4TTokenizer",
                                              "Siglip2Tokenizer",
                                              "SplinterTokenizer",
                                              "T5Tokenizer",
                                              "TapasTokenizer",
                                              "UdopTokenizer",
                                              "VideoPrismTokenizer",
                                              "VitsTokenizer",
                                              "Wav2Vec2CTCTokenizer",
                                              "Wav2Vec2PhonemeCTCTokenizer",
                                              "WhisperTokenizer",
                                              "XGLMTokenizer",
                                              "XLMRobertaTokenizer",
                                              "XLMTokenizer",
                                              "XLNetTokenizer"};

using Default = std::pair<const char*, std::string_view>;
constexpr Default kLlamaTokens[] = {{"unk_token", "<unk>"}, {"bos_token", "<s>"}, {"eos_token", "</s>"}};
constexpr Default kGemmaTokens[] = {{"unk_token", "<unk>"},
                                    {"bos_token", "<bos>"},
                                    {"eos_token", "<eos>"},
                                    {"pad_token", "<pad>"},
                                    {"mask_token", "<mask>"}};
constexpr Default kQwen2Tokens[] = {
    {"unk_token", "<|endoftext|>"}, {"eos_token", "<|endoftext|>"}, {"pad_token", "<|endoftext|>"}};
constexpr Default kGpt2Tokens[] = {
    {"unk_token", "<|endoftext|>"}, {"bos_token", "<|endoftext|>"}, {"eos_token", "<|endoftext|>"}};

TokenizerClass class_of(const std::string& name, const std::string& origin) {
  if (name == "LlamaTokenizer") return TokenizerClass::llama;
  if (name == "GemmaTokenizer") return TokenizerClass::gemma;
  if (name == "Qwen2Tokenizer") return TokenizerClass::qwen2;
  if (name == "GPT2Tokenizer") return TokenizerClass::gpt2;
  if (std::find(std::begin(kOtherClasses), std::end(kOtherClasses), name) == std::end(kOtherClasses))
    return TokenizerClass::backend;
  fail_data(
      "{}: tokenizer_class is {}, whose own components transformers uses instead of those of tokenizer.json; "
      "expected LlamaTokenizer, GemmaTokenizer, Qwen2Tokenizer, GPT2Tokenizer or TokenizersBackend: write "
      "TokenizersBackend there to encode with tokenizer.json as it is",
      origin, name);
}

json metaspace(Prefix prefix) {
  const char* scheme = prefix == Prefix::never ? "never" : prefix == Prefix::first ? "first" : "always";
  return {
      {"type", "Metaspace"}, {"replacement", "\xe2\x96\x81"}, {"prepend_scheme", scheme}, {"split", false}};
}

json byte_level(bool prefix, bool regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", prefix}, {"trim_offsets", true}, {"use_regex", regex}};
}

json sentencepiece_decoder(bool prefix) {
  json steps = {{{"type", "Replace"}, {"pattern", {{"String", "\xe2\x96\x81"}}}, {"content", " "}},
                {{"type", "ByteFallback"}},
                {{"type", "Fuse"}}};
  if (prefix) steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1U}, {"stop", 0U}});
  return {{"type", "Sequence"}, {"decoders", std::move(steps)}};
}

void set_model(json& model, bool sentencepiece, const json& unk_token) {
  model["fuse_unk"] = sentencepiece;
  model["byte_fallback"] = sentencepiece;
  model["unk_token"] = unk_token;
  for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) model[key] = nullptr;
  model["ignore_merges"] = false;
}

void rebuild_llama(json& document, Prefix prefix) {
  set_model(document["model"], true, nullptr);
  document["normalizer"] = nullptr;
  document["pre_tokenizer"] = metaspace(prefix);
  document["decoder"] = sentencepiece_decoder(prefix != Prefix::never);
}

void rebuild_gemma(json& document, const std::map<std::string, json>& named) {
  const auto unk = named.find("unk_token");
  set_model(document["model"], true, unk == named.end() ? json(nullptr) : unk->second.at("content"));
  document["normalizer"] = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\xe2\x96\x81"}};
  document["pre_tokenizer"] = {{"type", "Split"},
                               {"pattern", {{"String", " "}}},
                               {"behavior", "MergedWithPrevious"},
                               {"invert", false}};
  document["decoder"] = sentencepiece_decoder(false);
}

void rebuild_qwen2(json& document, bool prefix) {
  set_model(document["model"], false, nullptr);
  document["normalizer"] = {{"type", "NFC"}};
  const json split = {{"type", "Split"},
                      {"pattern", {{"Regex", kQwen2Pattern}}},
                      {"behavior", "Isolated"},
                      {"invert", false}};
  document["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {split, byte_level(prefix, false)}}};
  document["decoder"] = byte_level(true, true);
}

void rebuild_gpt2(json& document, bool prefix) {
  set_model(document["model"], false, nullptr);
  document["normalizer"] = nullptr;
  document["pre_tokenizer"] = byte_level(prefix, true);
  document["decoder"] = byte_level(true, true);
}

}  // namespace

TokenizerClass choose_class(const std::optional<std::string>& declared, const std::string& model_type,
                            bool byte_level, const std::string& origin) {
  // Folders of these types declare wrong classes too often: transformers does not read the declared one.
  if (model_type == "qwen2") return TokenizerClass::qwen2;
  if (model_type == "mistral") return TokenizerClass::backend;
  if (!declared) return model_type == "gemma2" ? TokenizerClass::gemma : TokenizerClass::backend;
  const std::string name =
      declared->ends_with("Fast") ? declared->substr(0, declared->size() - 4) : *declared;
  if (name == "LlamaTokenizer" && byte_level) return TokenizerClass::backend;
  return class_of(name, origin);
}

std::span<const Default> default_tokens(TokenizerClass kind) {
  switch (kind) {
    case TokenizerClass::llama:
      return kLlamaTokens;
    case TokenizerClass::gemma:
      return kGemmaTokens;
    case TokenizerClass::qwen2:
      return kQwen2Tokens;
    case TokenizerClass::gpt2:
      return kGpt2Tokens;
    case TokenizerClass::backend:
      break;
  }
  return {};
}

void rebuild(TokenizerClass kind, Prefix prefix, const std::map<std::string, json>& named, json& document) {
  const auto model = document.find("model");
  if (kind == TokenizerClass::backend || model == document.end() || !model->is_object()) return;
  document["added_tokens"] = json::array();
  if (kind == TokenizerClass::llama) rebuild_llama(document, prefix);
  if (kind == TokenizerClass::gemma) rebuild_gemma(document, named);
  if (kind == TokenizerClass::qwen2) rebuild_qwen2(document, prefix != Prefix::never);
  if (kind == TokenizerClass::gpt2) rebuild_gpt2(document, prefix != Prefix::never);
}

}  // namespace armorm::text::tokenizer
