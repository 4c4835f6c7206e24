#include "gating/pair_tensors.h"

#include <ATen/ATen.h>

namespace armorm::gating {
namespace {

at::Tensor view_of(MatrixView<const float> m) {
  return at::from_blob(const_cast<float*>(m.data), {m.rows, m.cols}, {m.row_stride, 1}, at::kFloat);
}

}  // namespace

at::Device gate_device(int index) {
  return index < 0 ? at::Device(at::kCPU) : at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
}

PairTensors::PairTensors(const PairData& data, GateSoftmax softmax, at::Device device)
    : data_(data), softmax_(softmax), device_(device) {
  const MatrixView<const BFloat16>& p = data.prompts;
  prompts_ = at::from_blob(const_cast<BFloat16*>(p.data), {p.rows, p.cols}, {p.row_stride, 1}, at::kBFloat16)
                 .to(device);
  chosen_ = view_of(data.chosen).to(device);
  rejected_ = view_of(data.rejected).to(device);
}

PairTensors::Batch PairTensors::gather(std::span<const std::int64_t> rows) const {
  std::vector<std::int64_t> prompts;
  std::vector<std::int64_t> apart;  // prompts of the rejected sides with a gate of their own
  std::vector<std::int64_t> second;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto row = static_cast<std::size_t>(rows[i]);
    const bool own = softmax_ == GateSoftmax::pair || data_.chosen_prompt[row] != data_.rejected_prompt[row];
    prompts.push_back(data_.chosen_prompt[row]);
    second.push_back(static_cast<std::int64_t>(own ? rows.size() + apart.size() : i));
    if (own) apart.push_back(data_.rejected_prompt[row]);
  }
  prompts.insert(prompts.end(), apart.begin(), apart.end());
  const at::Tensor index = indices(rows);
  return {prompts_.index_select(0, indices(prompts)), indices(second), chosen_.index_select(0, index),
          rejected_.index_select(0, index)};
}

at::Tensor PairTensors::indices(std::span<const std::int64_t> rows) const {
  return at::from_blob(const_cast<std::int64_t*>(rows.data()), {static_cast<std::int64_t>(rows.size())},
                       at::kLong)
      .clone()
      .to(device_);
}

SideGates side_gates(const at::Tensor& logits, const PairTensors::Batch& batch, GateSoftmax softmax,
                     double temperature) {
  const std::int64_t b = batch.second.size(0);
  if (softmax == GateSoftmax::pair) {
    const at::Tensor both =
        at::stack({logits.slice(0, 0, b), logits.index_select(0, batch.second)}, 1).div(temperature);
    const at::Tensor gates = at::softmax(both, 1);
    return {gates.select(1, 0), gates.select(1, 1)};
  }
  const at::Tensor gates = at::softmax(logits / temperature, 1);
  return {gates.slice(0, 0, b), gates.index_select(0, batch.second)};
}

at::Tensor logits_gradient(const at::Tensor& logits, const PairTensors::Batch& batch, const SideGates& gates,
                           const at::Tensor& d_chosen, const at::Tensor& d_rejected, GateSoftmax softmax,
                           double temperature) {
  const std::int64_t b = batch.second.size(0);
  at::Tensor d_logits = at::zeros_like(logits);
  if (softmax == GateSoftmax::pair) {
    const at::Tensor mean = d_chosen * gates.chosen + d_rejected * gates.rejected;
    d_logits.slice(0, 0, b).copy_((d_chosen - mean) * gates.chosen);
    d_logits.index_add_(0, batch.second, (d_rejected - mean) * gates.rejected);
  } else {
    const auto through_softmax = [](const at::Tensor& d, const at::Tensor& g) {
      return (d - (d * g).sum(1, true)) * g;
    };
    d_logits.slice(0, 0, b).copy_(through_softmax(d_chosen, gates.chosen));
    d_logits.index_add_(0, batch.second, through_softmax(d_rejected, gates.rejected));
  }
  return d_logits.div_(temperature);
}

}  // namespace armorm::gating
