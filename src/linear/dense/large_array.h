// Zeroed doubles in large pages where the system provides them, for matrices of tens of megabytes.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace armorm::linear::dense {

// Pages are allocated at the first write to them, so the thread that writes first pays for the page fault.
class LargeArray {
 public:
  LargeArray() = default;
  explicit LargeArray(std::size_t size);  // zeros; bad_alloc when there is no memory
  ~LargeArray();
  LargeArray(LargeArray&& other) noexcept
      : values_(std::exchange(other.values_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  LargeArray& operator=(LargeArray&& other) noexcept {
    std::swap(values_, other.values_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  double* data() noexcept { return values_; }
  const double* data() const noexcept { return values_; }

 private:
  double* values_ = nullptr;
  std::size_t bytes_ = 0;
};

// A vector of `size` zeros in large pages.
std::vector<double> large_vector(std::size_t size);

}  // namespace armorm::linear::dense
