#include "model/linear_input.h"

#include <ATen/ATen.h>

#include "model/fp8.h"

namespace armorm::model {
namespace {

// Few operations take e4m3 values; these move bytes.
template <class Move>
QuantisedRows moved(const LinearInput& x, const Move& move) {
  return {move(x.rows.view(at::kByte), 0.0).view(at::kFloat8_e4m3fn), move(x.scales, 1.0)};
}

template <class Move>
LinearInput moved_input(const LinearInput& x, const Move& move) {
  if (x.scales.defined()) return moved(x, move);
  return move(x.rows, 0.0);
}

}  // namespace

QuantisedRows quantised(const LinearInput& x) {
  if (x.scales.defined()) return {x.rows, x.scales};
  return quantise_rows(x.rows);
}

LinearInput piece_of(const LinearInput& x, std::int64_t first, std::int64_t count, std::int64_t total) {
  return moved_input(x, [&](const at::Tensor& rows, double padding) {
    const at::Tensor piece = rows.narrow(0, first, count);
    return count == total ? piece : at::constant_pad_nd(piece, {0, 0, 0, total - count}, padding);
  });
}

LinearInput select_rows(const LinearInput& x, const at::Tensor& indices) {
  return moved_input(
      x, [&](const at::Tensor& rows, double /*padding*/) { return rows.index_select(0, indices); });
}

}  // namespace armorm::model
