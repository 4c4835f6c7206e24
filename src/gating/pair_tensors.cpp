#include "gating/pair_tensors.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "gating/read_runs.h"

namespace armorm::gating {
namespace {

at::Tensor view_of(MatrixView<const float> m) {
  return at::from_blob(const_cast<float*>(m.data), {m.rows, m.cols}, {m.row_stride, 1}, at::kFloat);
}

constexpr std::int64_t kUploadRows = 1 << 14;  // at once
constexpr std::int64_t kGatherGrain = 32;      // rows for which waking another thread pays

at::Tensor rows_of(const RowTable& table, std::span<const std::int64_t> rows) {
  at::Tensor out = at::empty({std::ssize(rows), table.cols()}, at::kBFloat16);
  auto* const to = static_cast<BFloat16*>(out.mutable_data_ptr());
  at::parallel_for(0, std::ssize(rows), kGatherGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      std::ranges::copy(table.row(rows[static_cast<std::size_t>(i)]), to + i * table.cols());
  });
  return out;
}

}  // namespace

at::Device gate_device(int index) {
  return index < 0 ? at::Device(at::kCPU) : at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
}

PairTensors::PairTensors(const PairData& data, GateSoftmax softmax, at::Device device)
    : data_(data),
      softmax_(softmax),
      device_(device),
      chosen_(view_of(data.chosen).to(device)),
      rejected_(view_of(data.rejected).to(device)) {
  if (!device.is_cpu()) upload_prompts();
}

bool PairTensors::has_own_gate(std::size_t pair) const {
  return softmax_ == GateSoftmax::pair || data_.chosen_prompt[pair] != data_.rejected_prompt[pair];
}

// Each pair's prompt, and the rejected side's where it is another one.
void PairTensors::upload_prompts() {
  std::vector<std::int64_t> used;
  for (std::size_t i = 0; i < data_.chosen_prompt.size(); ++i) {
    chosen_prompt_.push_back(std::ssize(used));
    used.push_back(data_.chosen_prompt[i]);
    if (data_.rejected_prompt[i] != data_.chosen_prompt[i]) used.push_back(data_.rejected_prompt[i]);
    rejected_prompt_.push_back(std::ssize(used) - 1);
  }
  const auto n = std::ssize(used);
  prompts_ = at::empty({n, data_.prompts.cols()}, at::TensorOptions(at::kBFloat16).device(device_));
  for (std::int64_t first = 0; first < n; first += kUploadRows) {
    const auto count = std::min(kUploadRows, n - first);
    prompts_.narrow(0, first, count)
        .copy_(rows_of(data_.prompts, std::span(used).subspan(static_cast<std::size_t>(first),
                                                              static_cast<std::size_t>(count))));
  }
  data_.chosen_prompt = chosen_prompt_;
  data_.rejected_prompt = rejected_prompt_;
}

at::Tensor PairTensors::take_prompts(std::span<const std::int64_t> rows) const {
  return prompts_.defined() ? prompts_.index_select(0, indices(rows)) : rows_of(data_.prompts, rows);
}

PairTensors::Batch PairTensors::gather(std::span<const std::int64_t> rows) const {
  std::vector<std::int64_t> prompts;
  std::vector<std::int64_t> apart;  // prompts of the rejected sides with a gate of their own
  std::vector<std::int64_t> second;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto row = static_cast<std::size_t>(rows[i]);
    const bool own = has_own_gate(row);
    prompts.push_back(data_.chosen_prompt[row]);
    second.push_back(static_cast<std::int64_t>(own ? rows.size() + apart.size() : i));
    if (own) apart.push_back(data_.rejected_prompt[row]);
  }
  prompts.insert(prompts.end(), apart.begin(), apart.end());
  const at::Tensor index = indices(rows);
  return {take_prompts(prompts), indices(second), chosen_.index_select(0, index),
          rejected_.index_select(0, index)};
}

void PairTensors::read_ahead(std::span<const std::int64_t> rows) const {
  if (prompts_.defined()) return;
  ReadRuns prompts;
  ReadRuns rewards;
  for (const std::int64_t pair : rows) {
    const auto i = static_cast<std::size_t>(pair);
    prompts.add(std::as_bytes(data_.prompts.row(data_.chosen_prompt[i])));
    if (has_own_gate(i)) prompts.add(std::as_bytes(data_.prompts.row(data_.rejected_prompt[i])));
    if (!data_.rewards_mapped) continue;
    rewards.add(std::as_bytes(data_.chosen.row(pair)));
    rewards.add(std::as_bytes(data_.rejected.row(pair)));
  }
  prompts.start();
  rewards.start();
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
