#include "model/waiting_rows.h"

#include <ATen/ATen.h>

#include <bit>
#include <span>
#include <utility>

namespace armorm::model {
namespace {

// LibTorch's allocator of pinned memory takes powers of two.
std::uint64_t host_bytes(const at::Tensor& rows) {
  return rows.is_cpu() ? rows.nbytes() : std::bit_ceil(static_cast<std::uint64_t>(rows.nbytes()));
}

bool take_from(std::uint64_t& left, std::uint64_t bytes) {
  if (bytes > left) return false;
  left -= bytes;
  return true;
}

}  // namespace

WaitingRows::WaitingRows(std::size_t packs, WaitingLimits limits, std::filesystem::path folder)
    : limits_(limits), folder_(std::move(folder)), places_(packs), chosen_(packs, false) {}

void WaitingRows::choose(Place& place, const at::Tensor& rows) {
  const std::uint64_t bytes = rows.nbytes();
  place.sizes = rows.sizes().vec();
  place.options = rows.options();
  if (take_from(limits_.in_place, bytes)) return;
  if (take_from(limits_.on_host, host_bytes(rows))) {
    place.copy = at::empty(place.sizes, rows.options().device(at::kCPU).pinned_memory(!rows.is_cpu()));
    return;
  }
  if (!file_) file_.emplace(folder_);
  place.offset = file_bytes_;
  file_bytes_ += bytes;
}

void WaitingRows::put(std::size_t pack, at::Tensor rows) {
  Place& place = places_[pack];
  if (!chosen_[pack]) choose(place, rows);
  chosen_[pack] = true;
  if (place.copy.defined()) {
    place.copy.copy_(rows, /*non_blocking=*/true);
  } else if (place.offset) {
    const at::Tensor host = rows.cpu();
    file_->write({static_cast<const std::byte*>(host.const_data_ptr()), host.nbytes()}, *place.offset);
  } else {
    place.rows = std::move(rows);
  }
}

at::Tensor WaitingRows::take(std::size_t pack) {
  Place& place = places_[pack];
  if (place.copy.defined())
    return at::empty(place.sizes, place.options).copy_(place.copy, /*non_blocking=*/true);
  if (!place.offset) return std::exchange(place.rows, {});
  at::Tensor host = at::empty(place.sizes, place.options.device(at::kCPU));
  file_->read({static_cast<std::byte*>(host.mutable_data_ptr()), host.nbytes()}, *place.offset);
  return host.to(place.options.device());
}

}  // namespace armorm::model
