// The cache of prompts' keys and values compared with a plain model of it: a list of prefixes that is
// searched from end to end.
#include "model/prefix_cache.h"

#include <algorithm>
#include <random>

#include "model/prefix_rows.h"
#include "support/test_support.h"

namespace armorm::model {
namespace {

using Tokens = std::vector<text::tokenizer::TokenId>;

constexpr std::uint64_t kBytes = 10;  // per token

std::shared_ptr<const PrefixRows> some_rows() { return std::make_shared<const PrefixRows>(); }

std::int64_t common(const Tokens& a, const Tokens& b) {
  std::size_t n = 0;
  while (n < a.size() && n < b.size() && a[n] == b[n]) ++n;
  return static_cast<std::int64_t>(n);
}

bool begins_with(const Tokens& longer, const Tokens& shorter) {
  return common(longer, shorter) == std::ssize(shorter);
}

// Most recent first.
class PlainCache {
 public:
  struct Entry {
    Tokens tokens;
    std::shared_ptr<const PrefixRows> rows;
  };

  std::int64_t longest(const Tokens& tokens) const {
    std::int64_t found = 0;
    for (const Entry& entry : entries) found = std::max(found, common(entry.tokens, tokens));
    return found;
  }
  bool holds(const Tokens& prefix) const {
    return std::ranges::any_of(entries, [&](const Entry& e) { return begins_with(e.tokens, prefix); });
  }
  void touch(const std::shared_ptr<const PrefixRows>& rows) {
    const auto entry = std::ranges::find(entries, rows, &Entry::rows);
    REQUIRE(entry != entries.end());
    std::rotate(entries.begin(), entry, entry + 1);
  }
  void insert(const Tokens& prefix, const std::shared_ptr<const PrefixRows>& rows, std::uint64_t max_bytes) {
    if (prefix.empty() || prefix.size() * kBytes > max_bytes || holds(prefix)) return;
    std::erase_if(entries, [&](const Entry& e) { return begins_with(prefix, e.tokens); });
    entries.insert(entries.begin(), {prefix, rows});
    while (bytes() > max_bytes) entries.pop_back();
  }
  std::uint64_t bytes() const {
    std::uint64_t sum = 0;
    for (const Entry& entry : entries) sum += entry.tokens.size() * kBytes;
    return sum;
  }

  std::vector<Entry> entries;
};

}  // namespace

TEST_CASE("the least recently used prefix makes room", "[unit]") {
  PrefixCache cache(60, kBytes);
  const auto first = some_rows();
  cache.insert(Tokens{1, 2}, first);
  cache.insert(Tokens{3, 4}, some_rows());
  cache.insert(Tokens{5, 6}, some_rows());
  CHECK(cache.bytes() == 60);
  CHECK(cache.find(Tokens{1, 2, 9}).rows == first);
  cache.insert(Tokens{7, 8}, some_rows());
  CHECK(cache.bytes() == 60);
  CHECK(cache.evicted() == 1);
  CHECK(cache.find(Tokens{1, 2}).tokens == 2);
  CHECK(cache.find(Tokens{3, 4}).tokens == 0);
  CHECK(cache.find(Tokens{3, 4}).rows == nullptr);
}

TEST_CASE("part of a prefix is found, token by token", "[unit]") {
  PrefixCache cache(1000, kBytes);
  const auto rows = some_rows();
  cache.insert(Tokens{1, 2, 3, 4}, rows);
  CHECK(cache.find(Tokens{1, 2, 9, 4}).tokens == 2);
  CHECK(cache.find(Tokens{1, 2, 9, 4}).rows == rows);
  CHECK(cache.find(Tokens{1, 2, 0}).tokens == 2);
  CHECK(cache.find(Tokens{1, 2, 3, 4, 5}).tokens == 4);
  CHECK(cache.find(Tokens{2, 3, 4}).tokens == 0);
  CHECK(cache.find(Tokens{}).tokens == 0);
}

TEST_CASE("a longer prefix replaces those that it begins with", "[unit]") {
  PrefixCache cache(1000, kBytes);
  cache.insert(Tokens{1, 2}, some_rows());
  cache.insert(Tokens{1, 3}, some_rows());
  const auto longer = some_rows();
  cache.insert(Tokens{1, 2, 3}, longer);
  CHECK(cache.entries() == 2);
  CHECK(cache.bytes() == 50);
  CHECK(cache.evicted() == 0);
  CHECK_FALSE(cache.wants(Tokens{1, 2}));
  cache.insert(Tokens{1, 2}, some_rows());
  CHECK(cache.find(Tokens{1, 2}).rows == longer);
  CHECK(cache.bytes() == 50);
}

TEST_CASE("a prefix larger than the cache is not kept", "[unit]") {
  PrefixCache cache(30, kBytes);
  CHECK(cache.wants(Tokens{1, 2, 3}));
  CHECK_FALSE(cache.wants(Tokens{1, 2, 3, 4}));
  CHECK_FALSE(cache.wants(Tokens{}));
  cache.insert(Tokens{7}, some_rows());
  cache.insert(Tokens{1, 2, 3, 4}, some_rows());
  CHECK(cache.find(Tokens{7}).tokens == 1);
  CHECK(cache.bytes() == 10);
}

TEST_CASE("rows that were found outlive their entry; an empty cache works on", "[unit]") {
  PrefixCache cache(20, kBytes);
  std::weak_ptr<const PrefixRows> watched;
  {
    const auto rows = some_rows();
    watched = rows;
    cache.insert(Tokens{1, 2}, rows);
  }
  {
    const CachedPrefix found = cache.find(Tokens{1, 2});
    cache.insert(Tokens{3, 4}, some_rows());
    CHECK_FALSE(watched.expired());
  }
  CHECK(watched.expired());
  cache.clear();
  CHECK(cache.bytes() == 0);
  CHECK(cache.find(Tokens{3, 4}).tokens == 0);
  cache.insert(Tokens{3, 4}, some_rows());
  CHECK(cache.find(Tokens{3, 4}).tokens == 2);
}

TEST_CASE("20000 random operations leave what a plain list leaves", "[unit]") {
  for (const std::uint64_t max_bytes : {0U, 50U, 300U, 2000U}) {
    CAPTURE(max_bytes);
    PrefixCache cache(max_bytes, kBytes);
    PlainCache plain;
    std::mt19937 random(static_cast<std::uint32_t>(max_bytes));
    for (int i = 0; i < 20000; ++i) {
      Tokens tokens(random() % 8);
      for (auto& token : tokens) token = static_cast<text::tokenizer::TokenId>(random() % 3);
      if (random() % 2 == 0) {
        const auto rows = some_rows();
        cache.insert(tokens, rows);
        plain.insert(tokens, rows, max_bytes);
      } else {
        const CachedPrefix found = cache.find(tokens);
        REQUIRE(found.tokens == plain.longest(tokens));
        if (found.tokens > 0) plain.touch(found.rows);
      }
      REQUIRE(cache.bytes() == plain.bytes());
      REQUIRE(cache.entries() == plain.entries.size());
    }
    CHECK(cache.bytes() <= max_bytes);
  }
}

}  // namespace armorm::model
