#include "text/byte_bpe.h"

#include <limits>
#include <queue>

#include "armorm/core/error.h"

namespace armorm {
namespace {
constexpr std::size_t kLinearLimit = 48;  // below it a scan per merge beats a heap
}  // namespace

ByteBpe::ByteBpe(std::unordered_map<std::string, TokenId> vocab, const std::vector<Merge>& merges, bool ignore_merges)
    : vocab_(std::move(vocab)), byte_ids_(256, -1), ignore_merges_(ignore_merges) {
  for (int b = 0; b < 256; ++b)
    if (const auto found = vocab_.find(std::string(1, static_cast<char>(b))); found != vocab_.end())
      byte_ids_[static_cast<std::size_t>(b)] = found->second;
  merges_.reserve(merges.size());
  for (std::size_t rank = 0; rank < merges.size(); ++rank)
    merges_[key(merges[rank].left, merges[rank].right)] = {static_cast<std::int32_t>(rank), merges[rank].result};
}

const ByteBpe::Ranked* ByteBpe::find(TokenId left, TokenId right) const {
  const auto found = merges_.find(key(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

void ByteBpe::encode(std::string_view piece, std::vector<TokenId>& out) const {
  if (ignore_merges_) {
    if (const auto whole = vocab_.find(std::string(piece)); whole != vocab_.end()) {
      out.push_back(whole->second);
      return;
    }
  }
  std::vector<TokenId> ids;
  ids.reserve(piece.size());
  for (const char c : piece)
    if (const TokenId id = byte_ids_[static_cast<unsigned char>(c)]; id >= 0) ids.push_back(id);
  ids.size() <= kLinearLimit ? merge_short(ids) : merge_long(ids);
  out.insert(out.end(), ids.begin(), ids.end());
}

void ByteBpe::merge_short(std::vector<TokenId>& ids) const {
  while (ids.size() > 1) {
    const Ranked* best = nullptr;
    std::size_t at = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const Ranked* candidate = find(ids[i], ids[i + 1]);
      if (candidate != nullptr && (best == nullptr || candidate->rank < best->rank)) {
        best = candidate;
        at = i;
      }
    }
    if (best == nullptr) return;
    ids[at] = best->result;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

void ByteBpe::merge_long(std::vector<TokenId>& ids) const {
  struct Candidate {
    std::int32_t rank;
    std::size_t at;
    TokenId left, right;
    bool operator>(const Candidate& o) const { return rank != o.rank ? rank > o.rank : at > o.at; }
  };
  constexpr std::size_t kEnd = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> next(ids.size()), previous(ids.size());
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto consider = [&](std::size_t at) {
    if (at == kEnd || next[at] == kEnd) return;
    if (const Ranked* found = find(ids[at], ids[next[at]])) queue.push({found->rank, at, ids[at], ids[next[at]]});
  };
  for (std::size_t i = 0; i < ids.size(); ++i) {
    next[i] = i + 1 < ids.size() ? i + 1 : kEnd;
    previous[i] = i > 0 ? i - 1 : kEnd;
  }
  for (std::size_t i = 0; i < ids.size(); ++i) consider(i);
  while (!queue.empty()) {
    const Candidate c = queue.top();
    queue.pop();
    const std::size_t right = ids[c.at] == c.left ? next[c.at] : kEnd;
    if (right == kEnd || ids[right] != c.right) continue;  // one of the two has been merged meanwhile
    ids[c.at] = find(c.left, c.right)->result;
    ids[right] = -1;
    next[c.at] = next[right];
    if (next[c.at] != kEnd) previous[next[c.at]] = c.at;
    consider(c.at);
    consider(previous[c.at]);
  }
  std::erase(ids, -1);
}

}  // namespace armorm
