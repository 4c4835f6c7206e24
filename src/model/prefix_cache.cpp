#include "model/prefix_cache.h"

#include <algorithm>
#include <iterator>

#include "model/common_prefix.h"

namespace armorm::model {

bool PrefixCache::Less::operator()(Tokens a, Tokens b) const {
  return std::ranges::lexicographical_compare(a, b);
}

PrefixCache::PrefixCache(std::uint64_t max_bytes, std::uint64_t bytes_per_token)
    : max_bytes_(max_bytes), bytes_per_token_(bytes_per_token) {}

CachedPrefix PrefixCache::find(Tokens tokens) {
  const auto after = entries_.lower_bound(tokens);
  auto best = entries_.end();
  std::int64_t longest = 0;
  const auto consider = [&](Entries::iterator entry) {
    const std::int64_t common = common_prefix(entry->first, tokens);
    if (common > longest) best = entry, longest = common;
  };
  if (after != entries_.end()) consider(after);
  if (after != entries_.begin()) consider(std::prev(after));
  if (longest == 0) return {};
  uses_.splice(uses_.begin(), uses_, best->second.use);
  return {best->second.rows, longest};
}

bool PrefixCache::wants(Tokens prefix) const {
  if (prefix.empty() || bytes_of(prefix) > max_bytes_) return false;
  const auto after = entries_.lower_bound(prefix);  // the first of those that begin with it, if there are any
  return after == entries_.end() || common_prefix(after->first, prefix) < std::ssize(prefix);
}

void PrefixCache::insert(Tokens prefix, std::shared_ptr<const PrefixRows> rows) {
  if (!wants(prefix)) return;
  const auto after = entries_.lower_bound(prefix);
  if (after != entries_.begin()) {
    const auto before = std::prev(after);
    if (common_prefix(before->first, prefix) == std::ssize(before->first)) remove(before);
  }
  make_room(bytes_of(prefix));
  const auto entry = entries_.emplace(Key(prefix.begin(), prefix.end()), Entry{std::move(rows), {}}).first;
  entry->second.use = uses_.insert(uses_.begin(), entry);
  bytes_ += bytes_of(prefix);
}

void PrefixCache::clear() {
  entries_.clear();
  uses_.clear();
  bytes_ = 0;
}

void PrefixCache::remove(Entries::iterator entry) {
  bytes_ -= bytes_of(entry->first);
  uses_.erase(entry->second.use);
  entries_.erase(entry);
}

void PrefixCache::make_room(std::uint64_t bytes) {
  for (; bytes_ > max_bytes_ - bytes; ++evicted_) remove(uses_.back());
}

}  // namespace armorm::model
