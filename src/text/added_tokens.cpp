#include "text/added_tokens.h"

#include <algorithm>
#include <cctype>

namespace armorm {
namespace {

bool touches(const std::vector<RenderedText::Range>& ranges, std::size_t begin, std::size_t end) {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), begin,
                                      [](std::size_t b, const RenderedText::Range& r) { return b < r.end; });
  return after != ranges.end() && after->begin < end;
}

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
// Letters outside ASCII count as word characters, as they do for nearly all scripts.
bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || (c & 0x80) != 0; }

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)), by_first_byte_(256) {
  std::erase_if(tokens_, [](const AddedToken& t) { return t.content.empty(); });
  std::stable_sort(tokens_.begin(), tokens_.end(),
                   [](const AddedToken& a, const AddedToken& b) { return a.content.size() > b.content.size(); });
  for (std::size_t i = 0; i < tokens_.size(); ++i)
    by_first_byte_[static_cast<unsigned char>(tokens_[i].content[0])].push_back(i);
}

const AddedToken* AddedTokenMatcher::longest_at(std::string_view text, std::size_t at, bool special_only) const {
  for (const std::size_t i : by_first_byte_[static_cast<unsigned char>(text[at])])
    if ((!special_only || tokens_[i].special) && text.substr(at).starts_with(tokens_[i].content)) return &tokens_[i];
  return nullptr;
}

void AddedTokenMatcher::split(std::string_view text, const std::vector<RenderedText::Range>& data,
                              const std::function<void(std::string_view)>& on_text,
                              const std::function<void(TokenId)>& on_token) const {
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const AddedToken* token = longest_at(text, at, false);
    std::size_t end = token != nullptr ? at + token->content.size() : at;
    if (token == nullptr || touches(data, at, end) ||
        (token->single_word && ((at > 0 && is_word(text[at - 1])) || (end < text.size() && is_word(text[end]))))) {
      at = token != nullptr && !touches(data, at, end) ? end : at + 1;
      continue;
    }
    std::size_t begin = at;
    while (token->lstrip && begin > done && is_space(text[begin - 1])) --begin;
    while (token->rstrip && end < text.size() && is_space(text[end])) ++end;
    if (begin > done) on_text(text.substr(done, begin - done));
    on_token(token->id);
    at = done = end;
  }
  if (done < text.size()) on_text(text.substr(done));
}

bool AddedTokenMatcher::reaches_into(std::string_view text, const std::vector<RenderedText::Range>& data) const {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const AddedToken* token = longest_at(text, at, true);
    if (token != nullptr && touches(data, at, at + token->content.size())) return true;
  }
  return false;
}

}  // namespace armorm
