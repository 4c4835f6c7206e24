#include "text/tokenizer/flat_map.h"

#include <bit>

namespace armorm::text::tokenizer {

void StringMap::rehash(std::size_t at_least) {
  const std::size_t size = std::bit_ceil(at_least + 16);
  if (size <= slots_.size()) return;
  std::vector<Slot> old(size);
  old.swap(slots_);
  mask_ = size - 1;
  for (const Slot& slot : old) {
    if (slot.id < 0) continue;
    std::size_t i = hash_bytes(arena_.data() + slot.offset, slot.size) & mask_;
    while (slots_[i].id >= 0) i = (i + 1) & mask_;
    slots_[i] = slot;
  }
}

void StringMap::insert(std::string_view key, std::int32_t id) {
  if ((count_ + 1) * 2 > slots_.size()) rehash((count_ + 1) * 2);
  const std::uint64_t hash = hash_bytes(key.data(), key.size());
  const auto tag = static_cast<std::uint32_t>(hash >> 32);
  for (std::size_t i = hash & mask_;; i = (i + 1) & mask_) {
    Slot& slot = slots_[i];
    if (slot.id < 0) {
      slot = {arena_.size(), static_cast<std::uint32_t>(key.size()), tag, id};
      arena_.append(key);
      ++count_;
      return;
    }
    if (slot.tag == tag && std::string_view(arena_).substr(slot.offset, slot.size) == key) {
      slot.id = id;
      return;
    }
  }
}

void MergeMap::reserve(std::size_t count) {
  slots_.assign(std::bit_ceil(count * 2 + 16), Slot{});
  mask_ = slots_.size() - 1;
}

void MergeMap::insert(std::int32_t left, std::int32_t right, Merge merge) {
  const std::uint64_t key = pack(left, right);
  std::size_t i = mix64(key) & mask_;
  while (slots_[i].key != kEmpty && slots_[i].key != key) i = (i + 1) & mask_;
  slots_[i] = {key, merge};
}

}  // namespace armorm::text::tokenizer
