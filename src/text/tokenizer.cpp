#include "armorm/text/tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "armorm/core/error.h"
#include "armorm/io/publish.h"
#include "io/checked_json.h"
#include "text/regex_splitter.h"
#include "text/tokenizer_spec.h"

namespace armorm {
namespace fs = std::filesystem;
namespace {

constexpr int kMaxConfigDepth = 64;
constexpr const char* kSpecialNames[] = {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token",
                                         "mask_token"};

// A special token is written as a string, or as an object with its content.
void add_special_tokens(const nlohmann::json& config, std::map<std::string, std::string>& tokens) {
  for (const char* name : kSpecialNames) {
    if (!config.contains(name)) continue;
    const nlohmann::json& value = config[name];
    if (value.is_string()) tokens.try_emplace(name, value.get<std::string>());
    if (value.is_object() && value.contains("content") && value["content"].is_string())
      tokens.try_emplace(name, value["content"].get<std::string>());
  }
}

}  // namespace

struct Tokenizer::Impl {
  explicit Impl(TokenizerSpec spec)
      : bpe(std::move(spec.byte_vocab), spec.merges, spec.ignore_merges),
        added(std::move(spec.added_tokens)),
        add_prefix_space(spec.add_prefix_space),
        prefix_ids(std::move(spec.prefix_ids)),
        suffix_ids(std::move(spec.suffix_ids)),
        vocab(std::move(spec.vocab)) {
    for (const auto& [token, id] : vocab) tokens_by_id[id] = token;
  }

  void encode_text(std::string_view text, std::size_t splitter, std::vector<TokenId>& out) const {
    if (splitter == splitters.size()) return bpe.encode(text, out);
    splitters[splitter].split(text, [&](std::string_view piece) { encode_text(piece, splitter + 1, out); });
  }
  void encode_piece(std::string_view text, std::vector<TokenId>& out) const {
    if (add_prefix_space && !text.empty() && text[0] != ' ') return encode_text(" " + std::string(text), 0, out);
    encode_text(text, 0, out);
  }

  ByteBpe bpe;
  AddedTokenMatcher added;
  std::vector<RegexSplitter> splitters;
  bool add_prefix_space;
  std::vector<TokenId> prefix_ids, suffix_ids;
  std::unordered_map<std::string, TokenId> vocab;
  std::unordered_map<TokenId, std::string> tokens_by_id;
  std::map<std::string, std::string> special_tokens;
};

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::from_json(std::string_view tokenizer_json, std::string_view origin) {
  TokenizerSpec spec = parse_tokenizer(tokenizer_json, std::string(origin));
  const std::vector<std::string> patterns = spec.split_patterns;
  auto impl = std::make_unique<Impl>(std::move(spec));
  for (const std::string& pattern : patterns) impl->splitters.emplace_back(pattern, std::string(origin));
  return Tokenizer(std::move(impl));
}

Tokenizer Tokenizer::load(const fs::path& model_folder) {
  const fs::path file = model_folder / "tokenizer.json";
  Tokenizer tokenizer = from_json(read_text_file(file), file.string());
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    const fs::path path = model_folder / name;
    if (fs::exists(path))
      add_special_tokens(io::parse_checked_json(read_text_file(path), path.string(), kMaxConfigDepth),
                         tokenizer.impl_->special_tokens);
  }
  return tokenizer;
}

std::vector<TokenId> Tokenizer::encode(const RenderedText& text, bool add_special_tokens) const {
  std::vector<TokenId> ids;
  if (add_special_tokens) ids = impl_->prefix_ids;
  impl_->added.split(
      text.text, text.data_ranges, [&](std::string_view piece) { impl_->encode_piece(piece, ids); },
      [&](TokenId id) { ids.push_back(id); });
  if (add_special_tokens) ids.insert(ids.end(), impl_->suffix_ids.begin(), impl_->suffix_ids.end());
  return ids;
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  return encode(RenderedText{std::string(text), {}}, add_special_tokens);
}

bool Tokenizer::has_special_in_data(const RenderedText& text) const {
  return impl_->added.reaches_into(text.text, text.data_ranges);
}

std::string Tokenizer::decode(const std::vector<TokenId>& ids) const {
  std::string out;
  for (const TokenId id : ids) out += id_to_token(id).value_or("");
  return out;
}

std::optional<TokenId> Tokenizer::token_to_id(std::string_view token) const {
  const auto found = impl_->vocab.find(std::string(token));
  if (found == impl_->vocab.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string> Tokenizer::id_to_token(TokenId id) const {
  const auto found = impl_->tokens_by_id.find(id);
  if (found == impl_->tokens_by_id.end()) return std::nullopt;
  return found->second;
}

std::int64_t Tokenizer::vocab_size() const { return static_cast<std::int64_t>(impl_->vocab.size()); }

const std::map<std::string, std::string>& Tokenizer::special_tokens() const { return impl_->special_tokens; }

std::optional<TokenId> Tokenizer::bos_id() const {
  const auto name = impl_->special_tokens.find("bos_token");
  if (name == impl_->special_tokens.end()) return std::nullopt;
  return token_to_id(name->second);
}

}  // namespace armorm
