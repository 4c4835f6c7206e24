// The BPE model of tokenizer.json: vocabulary, ranked merges, byte fallback.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/tokenizer/flat_map.h"
#include "text/tokenizer/json_view.h"

namespace armorm::text::tokenizer {

// Scratch memory per call and a bounded word cache (2 MiB, direct-mapped). Used by one thread at a time.
struct BpeScratch {
  // One cache line; holds words of up to 22 bytes with up to 10 ids.
  struct alignas(64) Entry {
    static constexpr std::size_t kKey = 22;
    static constexpr std::size_t kIds = 10;
    std::uint8_t size = 0;  // 0: empty
    std::uint8_t count = 0;
    char key[kKey] = {};
    std::int32_t ids[kIds] = {};
  };
  static constexpr std::size_t kEntries = std::size_t{1} << 15;

  struct HeapItem {
    std::uint64_t key = 0;  // rank << 32 | position: lowest rank first, then leftmost
    friend bool operator>(const HeapItem& a, const HeapItem& b) { return a.key > b.key; }
  };
  std::vector<Entry> cache{kEntries};
  std::vector<std::int32_t> symbols;
  std::vector<std::int32_t> prev, next;
  std::vector<std::uint32_t> ranks;
  std::vector<std::int32_t> merged;
  std::vector<HeapItem> heap;
};

class BpeModel {
 public:
  // `byte_level`: the last pre-tokenizer is ByteLevel, so words are raw bytes, and so is the stored
  // vocabulary.
  BpeModel(const JsonView& model, bool byte_level);

  // Appends the ids of one pre-token.
  void encode_word(std::string_view word, BpeScratch& scratch, std::vector<std::int32_t>& out) const;

  std::optional<std::int32_t> token_to_id(std::string_view token) const;
  const std::string* id_to_token(std::int32_t id) const;  // nullptr for an unknown id
  std::size_t vocab_size() const { return names_.size(); }

 private:
  void read_vocab(const JsonView& vocab);
  void read_merges(const JsonView& model);
  std::pair<std::string, std::string> read_merge(const JsonView& merge) const;
  void read_byte_ids();
  void init_symbols(std::string_view word, std::vector<std::int32_t>& symbols) const;
  void init_symbols_chars(std::string_view word, std::vector<std::int32_t>& symbols) const;
  void encode_uncached(std::string_view word, BpeScratch& scratch, std::vector<std::int32_t>& out) const;
  std::size_t merge_small(BpeScratch& scratch) const;
  void merge_large(BpeScratch& scratch) const;
  void link_large(BpeScratch& scratch) const;
  void rerank(BpeScratch& scratch, std::int32_t left) const;

  bool byte_level_;
  bool ignore_merges_ = false;
  bool byte_fallback_ = false;
  bool fuse_unk_ = false;
  std::optional<std::string> unk_token_;
  std::int32_t unk_id_ = -1;
  std::string prefix_, suffix_;
  StringMap names_;  // as in the file
  StringMap words_;  // raw bytes; only for byte-level
  std::unordered_map<std::int32_t, std::string> by_id_;
  MergeMap merges_;
  std::array<std::int32_t, 256> byte_ids_{};      // byte-level: id of each byte, -1 when missing
  std::array<std::int32_t, 256> fallback_ids_{};  // "<0x0A>" tokens, -1 when missing
  bool simple_bytes_ = false;                     // all 256 bytes have ids and no affixes
};

// The printable substitute of each byte in byte-level vocabularies, and the reverse (-1 when `text` holds
// another character).
const std::array<std::string, 256>& byte_level_chars();
std::optional<std::string> byte_level_to_raw(std::string_view text);

}  // namespace armorm::text::tokenizer
