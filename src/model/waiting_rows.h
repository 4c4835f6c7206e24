// Hidden states of packs that wait for the next layer: on their device up to a limit, then in the host's
// memory, then in a temporary file.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "io/scratch_file.h"

namespace armorm::model {

struct WaitingLimits {
  std::uint64_t in_place = 0;  // bytes of rows that stay where they are
  std::uint64_t on_host = 0;   // bytes of rows that are copied to the host, pinned if they are of a GPU
};

class WaitingRows {
 public:
  // The file is created in `folder` when it is needed.
  WaitingRows(std::size_t packs, WaitingLimits limits, std::filesystem::path folder);

  // Contiguous rows, of one size, type and device for a pack. Each put() is followed by one take(), which
  // returns the same bits. On a GPU copies from and to the host's memory are only enqueued, on the current
  // stream.
  void put(std::size_t pack, at::Tensor rows);
  at::Tensor take(std::size_t pack);

  std::uint64_t bytes_in_file() const noexcept { return file_bytes_; }

 private:
  struct Place {
    at::Tensor rows;                      // in place, or
    at::Tensor copy;                      // on the host, kept from put() to put(), or
    std::optional<std::uint64_t> offset;  // in the file
    std::vector<std::int64_t> sizes;
    at::TensorOptions options;
  };
  void choose(Place& place, const at::Tensor& rows);

  WaitingLimits limits_;  // that are left
  std::filesystem::path folder_;
  std::vector<Place> places_;
  std::vector<bool> chosen_;
  std::optional<io::ScratchFile> file_;
  std::uint64_t file_bytes_ = 0;
};

}  // namespace armorm::model
