#include "linear/dense/large_array.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

namespace armorm::linear::dense {
namespace {

constexpr std::size_t kLargePage = std::size_t{1} << 21;
// A multiple of every page size that mmap() rounds to.
constexpr std::size_t kSmallPage = std::size_t{1} << 16;

}  // namespace

LargeArray::LargeArray(std::size_t size) {
  if (size == 0) return;
  // The extra space lets the array start at a large page. A remainder smaller than a large page gets small
  // pages.
  const std::size_t bytes = (size * sizeof(double) + kSmallPage - 1) / kSmallPage * kSmallPage;
  void* mapping =
      mmap(nullptr, bytes + kLargePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  auto* begin = static_cast<std::byte*>(mapping);
  const std::size_t before = (kLargePage - reinterpret_cast<std::uintptr_t>(begin) % kLargePage) % kLargePage;
  if (before > 0) munmap(begin, before);
  if (before < kLargePage) munmap(begin + before + bytes, kLargePage - before);
  values_ = reinterpret_cast<double*>(begin + before);
  bytes_ = bytes;
  if (const std::size_t large = bytes_ / kLargePage * kLargePage; large > 0)
    madvise(values_, large, MADV_HUGEPAGE);
}

LargeArray::~LargeArray() {
  if (values_ != nullptr) munmap(values_, bytes_);
}

std::vector<double> large_vector(std::size_t size) {
  std::vector<double> values;
  values.reserve(size);
  const auto address = reinterpret_cast<std::uintptr_t>(values.data());
  const std::uintptr_t begin = (address + kLargePage - 1) / kLargePage * kLargePage;
  const std::uintptr_t end = (address + size * sizeof(double)) / kLargePage * kLargePage;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
  values.resize(size);
  return values;
}

}  // namespace armorm::linear::dense
