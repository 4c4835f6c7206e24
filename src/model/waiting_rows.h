// Hidden states of packs that wait for the next layer: in memory up to a limit, the others in a temporary
// file.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "io/scratch_file.h"

namespace armorm::model {

class WaitingRows {
 public:
  // The file is created in `folder` when it is needed.
  WaitingRows(std::size_t packs, std::uint64_t memory_bytes, std::filesystem::path folder);

  // Contiguous rows on the CPU, of one size and type for a pack. Each put() is followed by one take(), which
  // returns the same bits.
  void put(std::size_t pack, at::Tensor rows);
  at::Tensor take(std::size_t pack);

  std::uint64_t bytes_in_file() const noexcept { return file_bytes_; }

 private:
  struct Place {
    at::Tensor rows;                      // in memory, or
    std::optional<std::uint64_t> offset;  // in the file
    std::vector<std::int64_t> sizes;
    at::ScalarType type = at::kFloat;
  };
  void choose(Place& place, const at::Tensor& rows);

  std::uint64_t memory_bytes_;  // that are left
  std::filesystem::path folder_;
  std::vector<Place> places_;
  std::vector<bool> chosen_;
  std::optional<io::ScratchFile> file_;
  std::uint64_t file_bytes_ = 0;
};

}  // namespace armorm::model
