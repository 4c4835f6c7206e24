// Open-addressing hash maps of the tokenizer: built once, then read by many threads.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace armorm::text::tokenizer {

inline std::uint64_t mix64(std::uint64_t x) {
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93ULL;
  x ^= x >> 29;
  x *= 0x9e3779b97f4a7c15ULL;
  return x ^ (x >> 32);
}

inline std::uint64_t hash_bytes(const char* data, std::size_t size) {
  std::uint64_t h = size * 0x9e3779b97f4a7c15ULL;
  while (size >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, data, 8);
    h = mix64(h ^ word);
    data += 8;
    size -= 8;
  }
  std::uint64_t tail = 0;
  for (std::size_t i = 0; i < size; ++i)
    tail |= std::uint64_t{static_cast<unsigned char>(data[i])} << (8 * i);
  return mix64(h ^ tail);
}

// Byte strings -> non-negative ids; a repeated key gets the last id.
class StringMap {
 public:
  void reserve(std::size_t count) { rehash(count * 2); }
  void insert(std::string_view key, std::int32_t id);
  std::int32_t find(std::string_view key) const {  // -1 when absent
    if (slots_.empty()) return -1;
    const std::uint64_t hash = hash_bytes(key.data(), key.size());
    for (std::size_t i = hash & mask_;; i = (i + 1) & mask_) {
      const Slot& slot = slots_[i];
      if (slot.id < 0) return -1;
      if (slot.tag == static_cast<std::uint32_t>(hash >> 32) && slot.size == key.size() &&
          std::memcmp(arena_.data() + slot.offset, key.data(), key.size()) == 0) {
        return slot.id;
      }
    }
  }
  std::size_t size() const { return count_; }

 private:
  struct Slot {
    std::uint64_t offset = 0;
    std::uint32_t size = 0;
    std::uint32_t tag = 0;
    std::int32_t id = -1;
  };
  void rehash(std::size_t at_least);

  std::string arena_;
  std::vector<Slot> slots_;
  std::size_t mask_ = 0;
  std::size_t count_ = 0;
};

struct Merge {
  std::uint32_t rank = UINT32_MAX;  // UINT32_MAX: the pair does not merge
  std::int32_t id = -1;
};

// (left id, right id) -> merge; a repeated pair gets the last rank.
class MergeMap {
 public:
  void reserve(std::size_t count);
  void insert(std::int32_t left, std::int32_t right, Merge merge);
  Merge find(std::int32_t left, std::int32_t right) const {
    if (slots_.empty()) return {};
    const std::uint64_t key = pack(left, right);
    for (std::size_t i = mix64(key) & mask_;; i = (i + 1) & mask_) {
      if (slots_[i].key == key) return slots_[i].merge;
      if (slots_[i].key == kEmpty) return {};
    }
  }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  static std::uint64_t pack(std::int32_t left, std::int32_t right) {
    return (std::uint64_t{static_cast<std::uint32_t>(left)} << 32) | static_cast<std::uint32_t>(right);
  }
  struct Slot {
    std::uint64_t key = kEmpty;
    Merge merge;
  };
  std::vector<Slot> slots_;
  std::size_t mask_ = 0;
};

}  // namespace armorm::text::tokenizer
