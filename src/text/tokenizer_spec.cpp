#include "text/tokenizer_spec.h"

#include <array>
#include <nlohmann/json.hpp>

#include "armorm/core/error.h"
#include "io/checked_json.h"

namespace armorm {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 64;
// GPT-2's own split, which the ByteLevel pre-tokenizer applies with use_regex.
constexpr const char* kGpt2Pattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

class Reader {
 public:
  Reader(const json& root, const std::string& origin) : root_(root), origin_(origin) {}

  TokenizerSpec read() {
    const json& model = object(root_, "model");
    if (!root_.value("normalizer", json()).is_null())
      unsupported("normalizer", type_of(root_["normalizer"], "normalizer"));
    read_model(model);
    read_added_tokens();
    if (has(root_, "pre_tokenizer")) read_pre_tokenizer(root_["pre_tokenizer"]);
    if (!byte_level_) fail_data("{}: pre_tokenizer: a byte-level one is needed, found none", origin_);
    read_byte_vocab(object(model, "vocab"));
    if (has(root_, "post_processor")) read_post_processor(root_["post_processor"]);
    return std::move(spec_);
  }

 private:
  static bool has(const json& value, const char* key) { return value.contains(key) && !value[key].is_null(); }
  [[noreturn]] void unsupported(const std::string& field, const std::string& found) const {
    fail_data("{}: {} of type '{}' is not supported; byte-level BPE tokenizers (Llama 3, Qwen 2, GPT-2) are", origin_, field,
              found);
  }
  const json& object(const json& value, const char* key) const {
    if (!value.contains(key) || !value[key].is_object()) fail_data("{}: '{}' must be an object", origin_, key);
    return value[key];
  }
  std::string type_of(const json& value, const std::string& field) const {
    if (!value.is_object() || !value.contains("type") || !value["type"].is_string())
      fail_data("{}: {}: 'type' must be a string", origin_, field);
    return value["type"].get<std::string>();
  }
  TokenId id(const json& value, const std::string& field) const {
    if (!value.is_number_integer() || value.get<std::int64_t>() < 0 || value.get<std::int64_t>() > (1 << 30))
      fail_data("{}: {} must be a token id, found {}", origin_, field, value.dump());
    return static_cast<TokenId>(value.get<std::int64_t>());
  }

  void read_model(const json& model) {
    if (const std::string type = type_of(model, "model"); type != "BPE") unsupported("model", type);
    for (const char* key : {"unk_token", "dropout"})
      if (has(model, key)) fail_data("{}: model.{} is not supported with byte-level BPE", origin_, key);
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
      if (has(model, key) && model[key] != "") fail_data("{}: model.{} is not supported", origin_, key);
    if (model.value("byte_fallback", json(false)) == json(true))
      fail_data("{}: model.byte_fallback is not supported with byte-level BPE", origin_);
    spec_.ignore_merges = model.value("ignore_merges", json(false)) == json(true);
    for (const auto& [token, value] : object(model, "vocab").items()) spec_.vocab[token] = id(value, "model.vocab['" + token + "']");
    if (!model.contains("merges") || !model["merges"].is_array()) fail_data("{}: model.merges must be a list", origin_);
    for (const json& merge : model["merges"]) read_merge(merge);
  }

  void read_merge(const json& merge) {
    std::string left, right;
    if (merge.is_string()) {
      const auto text = merge.get<std::string>();
      const std::size_t space = text.find(' ');
      left = text.substr(0, space);
      right = space == std::string::npos ? "" : text.substr(space + 1);
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      left = merge[0].get<std::string>();
      right = merge[1].get<std::string>();
    } else {
      fail_data("{}: model.merges holds {}, which is not a pair of tokens", origin_, merge.dump());
    }
    const auto find = [&](const std::string& token) {
      const auto found = spec_.vocab.find(token);
      if (found == spec_.vocab.end())
        fail_data("{}: model.merges: '{} {}' needs the token '{}', which the vocabulary lacks", origin_, left, right, token);
      return found->second;
    };
    spec_.merges.push_back({find(left), find(right), find(left + right)});
  }

  void read_added_tokens() {
    if (!has(root_, "added_tokens")) return;
    if (!root_["added_tokens"].is_array()) fail_data("{}: added_tokens must be a list", origin_);
    for (const json& entry : root_["added_tokens"]) {
      if (!entry.is_object() || !entry.contains("content") || !entry["content"].is_string() || !entry.contains("id"))
        fail_data("{}: added_tokens holds {}, which lacks a content or an id", origin_, entry.dump());
      const auto flag = [&](const char* key) { return entry.value(key, json(false)) == json(true); };
      AddedToken token{id(entry["id"], "added_tokens.id"), entry["content"].get<std::string>(), flag("single_word"),
                       flag("lstrip"), flag("rstrip"), flag("special")};
      // A token that the model knows as well keeps the model's id.
      token.id = spec_.vocab.try_emplace(token.content, token.id).first->second;
      spec_.added_tokens.push_back(std::move(token));
    }
  }

  void read_pre_tokenizer(const json& value) {
    const std::string type = type_of(value, "pre_tokenizer");
    if (type == "Sequence") {
      if (!value.contains("pretokenizers") || !value["pretokenizers"].is_array())
        fail_data("{}: pre_tokenizer.pretokenizers must be a list", origin_);
      for (const json& part : value["pretokenizers"]) read_pre_tokenizer(part);
    } else if (type == "Split") {
      const json pattern = value.value("pattern", json());
      if (!pattern.is_object() || !pattern.contains("Regex") || !pattern["Regex"].is_string())
        fail_data("{}: pre_tokenizer: Split needs a pattern of kind Regex", origin_);
      if (value.value("behavior", json()) != "Isolated" || value.value("invert", json(false)) != json(false))
        fail_data("{}: pre_tokenizer: Split is supported with behavior Isolated and invert false only", origin_);
      spec_.split_patterns.push_back(pattern["Regex"].get<std::string>());
    } else if (type == "ByteLevel") {
      byte_level_ = true;
      spec_.add_prefix_space = value.value("add_prefix_space", json(true)) == json(true);
      if (value.value("use_regex", json(true)) == json(true)) spec_.split_patterns.push_back(kGpt2Pattern);
    } else {
      unsupported("pre_tokenizer", type);
    }
  }

  // The ByteLevel alphabet: printable Latin-1 stands for itself, every other byte for 256, 257, ...
  static std::array<char32_t, 256> byte_alphabet() {
    std::array<char32_t, 256> alphabet{};
    char32_t next = 256;
    for (char32_t b = 0; b < 256; ++b) {
      const bool printable = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || (b >= 0xae);
      alphabet[b] = printable ? b : next++;
    }
    return alphabet;
  }

  void read_byte_vocab(const json& vocab) {
    std::unordered_map<char32_t, char> byte_of;
    const auto alphabet = byte_alphabet();
    for (std::size_t b = 0; b < 256; ++b) byte_of[alphabet[b]] = static_cast<char>(b);
    for (const auto& [token, value] : vocab.items()) {
      std::string bytes;
      if (to_bytes(token, byte_of, bytes)) spec_.byte_vocab[bytes] = spec_.vocab[token];
    }
  }

  // False for a token that is not written in the alphabet (a special token in the vocabulary); all of the alphabet lies
  // below U+0800.
  static bool to_bytes(const std::string& token, const std::unordered_map<char32_t, char>& byte_of, std::string& out) {
    for (std::size_t i = 0; i < token.size();) {
      const auto lead = static_cast<unsigned char>(token[i]);
      char32_t code = lead;
      if (lead >= 0xe0 || (lead >= 0x80 && i + 1 >= token.size())) return false;
      if (lead >= 0x80) code = static_cast<char32_t>((lead & 0x1f) << 6 | (token[i + 1] & 0x3f));
      const auto found = byte_of.find(code);
      if (found == byte_of.end()) return false;
      out += found->second;
      i += lead >= 0x80 ? 2 : 1;
    }
    return true;
  }

  void read_post_processor(const json& value) {
    const std::string type = type_of(value, "post_processor");
    if (type == "ByteLevel") return;
    if (type == "Sequence") {
      if (!value.contains("processors") || !value["processors"].is_array())
        fail_data("{}: post_processor.processors must be a list", origin_);
      for (const json& part : value["processors"]) read_post_processor(part);
      return;
    }
    if (type != "TemplateProcessing") unsupported("post_processor", type);
    if (!value.contains("single") || !value["single"].is_array()) fail_data("{}: post_processor.single must be a list", origin_);
    bool before = true;
    for (const json& part : value["single"]) {
      if (part.is_object() && part.contains("Sequence")) {
        before = false;
      } else {
        auto& ids = before ? spec_.prefix_ids : spec_.suffix_ids;
        for (const TokenId special : special_ids(value, part)) ids.push_back(special);
      }
    }
  }

  std::vector<TokenId> special_ids(const json& processor, const json& part) const {
    const json name = part.is_object() && part.contains("SpecialToken") ? part["SpecialToken"].value("id", json()) : json();
    if (!name.is_string()) fail_data("{}: post_processor.single holds {}, which is no token", origin_, part.dump());
    const json& table = object(processor, "special_tokens");
    const json entry = table.value(name.get<std::string>(), json());
    if (!entry.is_object() || !entry.contains("ids") || !entry["ids"].is_array())
      fail_data("{}: post_processor.special_tokens lacks '{}'", origin_, name.get<std::string>());
    std::vector<TokenId> ids;
    for (const json& value : entry["ids"]) ids.push_back(id(value, "post_processor.special_tokens.ids"));
    return ids;
  }

  const json& root_;
  const std::string& origin_;
  TokenizerSpec spec_;
  bool byte_level_ = false;
};

}  // namespace

TokenizerSpec parse_tokenizer(std::string_view text, const std::string& origin) {
  const json root = io::parse_checked_json(text, origin, kMaxDepth);
  if (!root.is_object()) fail_data("{}: must be a JSON object", origin);
  try {
    return Reader(root, origin).read();
  } catch (const json::exception& error) {
    fail_data("{}: {}", origin, error.what());
  }
}

}  // namespace armorm
