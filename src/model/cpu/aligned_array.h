// Scratch memory that is aligned to cache lines, which the tile kernels need for their full rate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

namespace armorm::model::cpu {

// Not initialised. std::bad_alloc if there is no memory.
template <class T>
class AlignedArray {
 public:
  explicit AlignedArray(std::int64_t n)
      : data_(static_cast<T*>(::operator new(static_cast<std::size_t>(n) * sizeof(T), kAlignment))) {}
  AlignedArray(const AlignedArray&) = delete;
  AlignedArray& operator=(const AlignedArray&) = delete;
  ~AlignedArray() { ::operator delete(data_, kAlignment); }

  T* data() const { return data_; }
  std::byte* bytes() const { return reinterpret_cast<std::byte*>(data_); }

 private:
  static constexpr std::align_val_t kAlignment{64};
  T* data_;
};

}  // namespace armorm::model::cpu
