// Keys and values of prompts, kept between the passes of an extractor, least recently used first out.
//
// Prefixes are compared token by token. No entry begins with another one: a longer prefix replaces the
// shorter ones that it begins with, because part of an entry can be used as well. A conversation that grows
// by turns so takes the memory of its longest prefix only.
//
// Not thread-safe. Rows that were found stay valid after their entry is gone.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "text/tokenizer/tokenizer.h"

namespace armorm::model {

struct PrefixRows;

// The first `tokens` rows of `rows`; null and 0 if nothing is cached.
struct CachedPrefix {
  std::shared_ptr<const PrefixRows> rows;
  std::int64_t tokens = 0;
};

class PrefixCache {
 public:
  using Tokens = std::span<const text::tokenizer::TokenId>;

  // bytes_per_token: of the keys and values of all layers, as in Backbone::prefix_bytes_per_token(). The
  // token ids, 4 bytes each, are not counted.
  PrefixCache(std::uint64_t max_bytes, std::uint64_t bytes_per_token);

  // The longest common prefix of `tokens` and any entry. The entry becomes the most recently used one.
  CachedPrefix find(Tokens tokens);

  bool fits(std::int64_t tokens) const {  // with no other entry
    return static_cast<std::uint64_t>(tokens) * bytes_per_token_ <= max_bytes_;
  }

  // Whether insert() of a prefix would keep it: it fits, and no entry holds it already.
  bool wants(Tokens prefix) const;

  // `rows` has one row per token of the prefix. Nothing if wants() is false; else the
  // least recently used entries make room.
  void insert(Tokens prefix, std::shared_ptr<const PrefixRows> rows);

  void clear();

  std::uint64_t bytes() const { return bytes_; }  // of the entries, at most max_bytes()
  std::uint64_t max_bytes() const { return max_bytes_; }
  std::size_t entries() const { return entries_.size(); }
  std::uint64_t evicted() const { return evicted_; }  // entries that made room for others

 private:
  using Key = std::vector<text::tokenizer::TokenId>;
  struct Less {
    using is_transparent = void;
    bool operator()(Tokens a, Tokens b) const;
  };
  struct Entry;
  using Entries = std::map<Key, Entry, Less>;
  using Uses = std::list<Entries::iterator>;  // most recent first
  struct Entry {
    std::shared_ptr<const PrefixRows> rows;
    Uses::iterator use;
  };

  std::uint64_t bytes_of(Tokens prefix) const { return prefix.size() * bytes_per_token_; }
  void remove(Entries::iterator entry);
  void make_room(std::uint64_t bytes);

  std::uint64_t max_bytes_;
  std::uint64_t bytes_per_token_;
  std::uint64_t bytes_ = 0;
  std::uint64_t evicted_ = 0;
  Entries entries_;  // in lexicographic order: the longest common prefix is with a neighbour
  Uses uses_;
};

}  // namespace armorm::model
