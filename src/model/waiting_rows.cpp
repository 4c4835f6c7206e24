#include "model/waiting_rows.h"

#include <ATen/ATen.h>

#include <span>
#include <utility>

namespace armorm::model {

WaitingRows::WaitingRows(std::size_t packs, std::uint64_t memory_bytes, std::filesystem::path folder)
    : memory_bytes_(memory_bytes), folder_(std::move(folder)), places_(packs), chosen_(packs, false) {}

void WaitingRows::choose(Place& place, const at::Tensor& rows) {
  const std::uint64_t bytes = rows.nbytes();
  if (bytes <= memory_bytes_) {
    memory_bytes_ -= bytes;
    return;
  }
  if (!file_) file_.emplace(folder_);
  place.offset = file_bytes_;
  place.sizes = rows.sizes().vec();
  place.type = rows.scalar_type();
  file_bytes_ += bytes;
}

void WaitingRows::put(std::size_t pack, at::Tensor rows) {
  Place& place = places_[pack];
  if (!chosen_[pack]) choose(place, rows);
  chosen_[pack] = true;
  if (!place.offset) {
    place.rows = std::move(rows);
    return;
  }
  file_->write({static_cast<const std::byte*>(rows.const_data_ptr()), rows.nbytes()}, *place.offset);
}

at::Tensor WaitingRows::take(std::size_t pack) {
  Place& place = places_[pack];
  if (!place.offset) return std::exchange(place.rows, {});
  at::Tensor rows = at::empty(place.sizes, place.type);
  file_->read({static_cast<std::byte*>(rows.mutable_data_ptr()), rows.nbytes()}, *place.offset);
  return rows;
}

}  // namespace armorm::model
