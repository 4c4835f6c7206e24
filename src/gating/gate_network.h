// The gate on a device, with its backward pass written out: the only gradients needed are those of its own parameters.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "armorm/gating/gate.h"

namespace armorm {

class GateNetwork {
 public:
  GateNetwork(const GateParameters& parameters, at::Device device);
  GateParameters parameters() const;

  // x [B, D] -> logits [B, K]. With a generator: training mode, dropout drawn from it, activations kept for backward().
  at::Tensor forward(const at::Tensor& x, double dropout, std::optional<at::Generator> generator);
  // d_logits [B, K] -> gradients in the order of tensors(), for the last forward() in training mode; `d_scale` is that of
  // logit_scale.
  std::vector<at::Tensor> backward(const at::Tensor& d_logits, const at::Tensor& d_scale) const;

  const at::Tensor& logit_scale() const { return tensors_[0]; }
  // logit_scale [1], then weight [out, in] and bias [out] of each layer. Updated in place by the optimiser.
  std::vector<at::Tensor>& tensors() { return tensors_; }

 private:
  std::size_t n_layers() const { return (tensors_.size() - 1) / 2; }
  const at::Tensor& weight(std::size_t layer) const { return tensors_[1 + 2 * layer]; }
  const at::Tensor& bias(std::size_t layer) const { return tensors_[2 + 2 * layer]; }

  std::vector<at::Tensor> tensors_;
  std::vector<at::Tensor> inputs_;  // of each layer, of the last training forward
  std::vector<at::Tensor> slopes_;  // d output / d pre-activation of each hidden layer: dropout scale where relu passes
};

// logit_scale, then weight and bias of each layer, copied to the host.
GateParameters to_parameters(const std::vector<at::Tensor>& tensors);

// PyTorch's AdamW (decoupled decay, bias correction, eps outside the root).
class AdamW {
 public:
  AdamW(const std::vector<at::Tensor>& tensors, double weight_decay);
  void step(std::vector<at::Tensor>& tensors, const std::vector<at::Tensor>& gradients, double learning_rate);

 private:
  double weight_decay_;
  std::int64_t steps_ = 0;
  std::vector<at::Tensor> first_, second_;
};

// Of step `step` (0-based) of `n_steps`, as CosineAnnealingLR(T_max = n_steps) with eta_min 0.
double cosine_learning_rate(double peak, std::int64_t step, std::int64_t n_steps);

// Streams of one seed that do not overlap in practice: purpose 0 initial weights, 1 batches, 2 dropout.
std::uint64_t stream_seed(std::uint64_t seed, std::uint64_t purpose);

}  // namespace armorm
