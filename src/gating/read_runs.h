// Bytes of mapped files that are needed soon, as few long reads.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace armorm::gating {

class ReadRuns {
 public:
  // Between two ranges, so many bytes are read too, rather than that the disk seeks or the server is asked
  // again.
  static constexpr std::size_t kGap = std::size_t{1} << 18;

  // A range that begins within the last run or up to kGap bytes after it lengthens it.
  void add(std::span<const std::byte> bytes);
  const std::vector<std::span<const std::byte>>& runs() const { return runs_; }
  // Asks the system to read them; does not wait.
  void start() const;

 private:
  std::vector<std::span<const std::byte>> runs_;
};

}  // namespace armorm::gating
