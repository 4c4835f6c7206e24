// The tokenizer classes of transformers 5.23 that keep only the vocabulary, merges and post-processor of
// tokenizer.json and bring the other components themselves.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace armorm::text::tokenizer {

enum class TokenizerClass { backend, llama, gemma, qwen2, gpt2 };  // backend: tokenizer.json as it is

// Where a space is put before a text; always and first differ for LlamaTokenizer alone.
enum class Prefix { never, first, always };

// AutoTokenizer's choice. `declared`: tokenizer_class of tokenizer_config.json or config.json, none if
// neither has one. data error that names `origin` for a class that rebuilds the tokenizer in a way that is
// not supported.
TokenizerClass choose_class(const std::optional<std::string>& declared, const std::string& model_type,
                            bool byte_level, const std::string& origin);

// The special tokens that the class has where the configuration does not name them.
std::span<const std::pair<const char*, std::string_view>> default_tokens(TokenizerClass kind);

// Replaces the components of `document`, a tokenizer.json with a BPE model. `named`: the special tokens.
void rebuild(TokenizerClass kind, Prefix prefix, const std::map<std::string, nlohmann::json>& named,
             nlohmann::json& document);

}  // namespace armorm::text::tokenizer
