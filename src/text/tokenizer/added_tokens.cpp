#include "text/tokenizer/added_tokens.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "text/tokenizer/unicode16.h"

namespace armorm::text::tokenizer {
namespace {

AddedToken read_token(const JsonView& view) {
  AddedToken token;
  token.content = view.object().at("content").string();
  view.at("id").id();  // only its type matters
  view.account({"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special", "__type"});
  token.special = view.boolean_or("special", false);
  token.normalized = view.boolean_or("normalized", !token.special);
  token.single_word = view.boolean_or("single_word", false);
  token.lstrip = view.boolean_or("lstrip", false);
  token.rstrip = view.boolean_or("rstrip", false);
  return token;
}

std::size_t spaces_before(std::string_view text, std::size_t end) {
  while (end > 0) {
    const std::size_t last = previous_char(text, end);
    if (!is_white_space(decode_utf8(text, last).value)) break;
    end = last;
  }
  return end;
}

std::size_t spaces_after(std::string_view text, std::size_t begin) {
  while (begin < text.size()) {
    const CodePoint c = decode_utf8(text, begin);
    if (!is_white_space(c.value)) break;
    begin += c.size;
  }
  return begin;
}

enum class Trust { none, some, all };

// Trust in the bytes of `span`.
Trust trust_in(Span span, const std::vector<Span>& trusted) {
  auto after = std::partition_point(trusted.begin(), trusted.end(),
                                    [&](const Span& t) { return t.end <= span.begin; });
  if (after == trusted.end() || after->begin >= span.end) return Trust::none;
  return after->begin <= span.begin && span.end <= after->end ? Trust::all : Trust::some;
}

}  // namespace

std::size_t TokenTrie::child(std::size_t node, unsigned char byte) const {
  for (const auto& [key, next] : nodes_[node].children) {
    if (key == byte) return next;
  }
  return 0;
}

void TokenTrie::add(std::string_view pattern, std::int32_t index) {
  if (pattern.empty()) return;
  first_[static_cast<unsigned char>(pattern[0])] = true;
  std::size_t node = 0;
  for (const char c : pattern) {
    std::size_t next = child(node, static_cast<unsigned char>(c));
    if (next == 0) {
      next = nodes_.size();
      nodes_[node].children.emplace_back(static_cast<unsigned char>(c), static_cast<std::uint32_t>(next));
      nodes_.emplace_back();
    }
    node = next;
  }
  if (nodes_[node].index < 0) nodes_[node].index = index;
}

void AddedTokens::assign_ids(std::vector<AddedToken>& tokens, const BpeModel& model) {
  const auto model_size = static_cast<std::int64_t>(model.vocab_size());
  std::int64_t highest = -1;
  for (AddedToken& token : tokens) {
    const auto known = ids_.find(token.content);
    if (known != ids_.end()) {
      token.id = known->second;
    } else if (const auto id = model.token_to_id(token.content)) {
      token.id = *id;
    } else {
      const std::int64_t next = std::max(highest + 1, model_size);
      if (next > std::numeric_limits<std::int32_t>::max())
        fail_data(
            "tokenizer.json: added token '{}' would get the id {}, which is too large; check the "
            "vocabulary's ids",
            token.content, next);
      token.id = static_cast<std::int32_t>(next);
    }
    highest = std::max<std::int64_t>(highest, token.id);
    ids_[token.content] = token.id;
    by_id_[token.id] = token;
  }
}

AddedTokens::AddedTokens(const JsonView& list, const BpeModel& model, const Normalizer* normalizer) {
  std::vector<AddedToken> tokens;
  for (std::size_t i = 0; i < list.array().size(); ++i) {
    AddedToken token = read_token(JsonView(list.raw()[i], list.origin(), fmt::format("added_tokens[{}]", i)));
    if (token.content.empty()) continue;
    TrackedText shown{token.content, {}};
    if (token.normalized && normalizer != nullptr) normalizer->apply(shown);
    token.shown = std::move(shown.text);
    tokens.push_back(std::move(token));
  }
  assign_ids(tokens, model);
  std::unordered_set<std::string> specials;
  for (const AddedToken& token : tokens) {
    if (token.special && specials.insert(token.content).second) tokens_.push_back(token);
  }
  for (const AddedToken& token : tokens) {
    if (!specials.contains(token.content)) tokens_.push_back(token);
  }
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const auto index = static_cast<std::int32_t>(i);
    if (!tokens_[i].normalized) {
      plain_.add(tokens_[i].content, index);
      continue;
    }
    normalized_.add(tokens_[i].shown, index);
  }
  restrict(specials);
}

bool AddedTokens::any_free(bool normalized) const {
  return std::any_of(tokens_.begin(), tokens_.end(), [&](const AddedToken& token) {
    return token.normalized == normalized && !token.restricted;
  });
}

void AddedTokens::restrict(const std::unordered_set<std::string>& contents) {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    if (tokens_[i].restricted || !contents.contains(tokens_[i].content)) continue;
    tokens_[i].restricted = true;
    restricted_.add(tokens_[i].content, static_cast<std::int32_t>(i));
  }
  free_plain_ = any_free(false);
  free_normalized_ = any_free(true);
}

std::unordered_set<std::string> AddedTokens::found_in(std::string_view text) const {
  const auto is_space = [](char32_t c) { return is_white_space(c) || (c >= 0x1c && c <= 0x1f); };
  std::unordered_set<std::string> found;
  for (const AddedToken& token : tokens_) {
    if (text.find(token.content) == std::string_view::npos) continue;
    for (std::size_t at = 0; at < token.content.size();) {
      const CodePoint c = decode_utf8(token.content, at);
      at += c.size;
      if (!is_space(c.value)) found.insert(token.content);
    }
  }
  return found;
}

bool AddedTokens::fits_word(std::string_view text, const TokenTrie::Hit& hit) const {
  const bool before = hit.begin > 0 && is_word_char(decode_utf8(text, previous_char(text, hit.begin)).value);
  const bool after = hit.end < text.size() && is_word_char(decode_utf8(text, hit.end).value);
  return !before && !after;
}

// The longest token at the leftmost position where one may occur.
TokenTrie::Hit AddedTokens::next(const TokenTrie& trie, std::string_view text, Span range,
                                 const std::vector<Span>& trusted) const {
  for (std::size_t at = range.begin; at < range.end; ++at) {
    TokenTrie::Hit longest, allowed;
    trie.walk(text, at, range.end, [&](std::size_t end, std::int32_t index) {
      longest = {at, end, index};
      const bool restricted = tokens_[static_cast<std::size_t>(index)].restricted;
      if (!restricted || trust_in({at, end}, trusted) == Trust::all) allowed = longest;
    });
    if (longest.index < 0) continue;
    // `tokenizers` then treats all of it as text, including anything that looks like another token.
    const bool plain_text = tokens_[static_cast<std::size_t>(longest.index)].restricted &&
                            trust_in({at, longest.end}, trusted) == Trust::none;
    if (plain_text) {
      at = longest.end - 1;
    } else if (allowed.index >= 0) {
      return allowed;
    }
  }
  return {};
}

std::vector<AddedTokens::Part> AddedTokens::split(std::string_view text, const std::vector<Span>& trusted,
                                                  bool normalized) const {
  const TokenTrie& trie = normalized ? normalized_ : plain_;
  std::vector<Part> parts;
  std::size_t done = 0;
  // Data in which no token can occur need not be searched.
  const std::vector<Span> whole{{0, text.size()}};
  for (const Span& region : (normalized ? free_normalized_ : free_plain_) ? whole : trusted) {
    if (trie.empty()) break;
    std::size_t at = region.begin;
    while (true) {
      const TokenTrie::Hit hit = next(trie, text, {at, region.end}, trusted);
      if (hit.index < 0) break;
      at = hit.end;
      const std::int32_t id = tokens_[static_cast<std::size_t>(hit.index)].id;
      // The flags are those of the token that now has the id.
      const AddedToken& token = by_id_.at(id);
      if (token.single_word && !fits_word(text, hit)) continue;
      const std::size_t begin = token.lstrip ? std::max(spaces_before(text, hit.begin), done) : hit.begin;
      const std::size_t end = token.rstrip ? spaces_after(text, hit.end) : hit.end;
      if (done < begin) parts.push_back({-1, {done, begin}});
      parts.push_back({id, {begin, end}});
      done = end;
    }
  }
  if (done != text.size()) parts.push_back({-1, {done, text.size()}});
  return parts;
}

std::optional<std::int32_t> AddedTokens::token_to_id(std::string_view token) const {
  const auto found = ids_.find(std::string(token));
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

const AddedToken* AddedTokens::by_id(std::int32_t id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &found->second;
}

std::int32_t AddedTokens::size_with(const BpeModel& model) const {
  std::size_t extra = 0;
  for (const auto& [content, id] : ids_) extra += model.token_to_id(content) ? 0 : 1;
  return static_cast<std::int32_t>(model.vocab_size() + extra);
}

bool AddedTokens::restricted_touches(std::string_view text, const std::vector<Span>& ranges) const {
  auto range = ranges.begin();
  for (std::size_t at = 0; at < text.size() && range != ranges.end(); ++at) {
    while (range != ranges.end() && range->end <= at) ++range;
    if (range == ranges.end()) break;
    bool touches = false;
    restricted_.walk(text, at, text.size(),
                     [&](std::size_t end, std::int32_t) { touches |= end > range->begin; });
    if (touches) return true;
  }
  return false;
}

}  // namespace armorm::text::tokenizer
