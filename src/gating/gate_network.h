// The gate on a device, with a hand-written backward pass: only the gradients of its own parameters are
// needed.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "gating/gate.h"
#include "gating/gate_products.h"

namespace armorm::gating {

// Dropout mask of one training step: the same elements for the same stream and shapes, on one kind of device.
struct DropoutStream {
  double probability = 0.0;
  std::uint64_t seed = 0;  // seed of the step
};

class GateNetwork {
 public:
  GateNetwork(const GateParameters& parameters, at::Device device,
              GatePrecision precision = GatePrecision::fp32);
  GateParameters parameters() const;

  // x [B, D], any type -> logits [B, K] float32. With dropout: training mode, activations are kept for
  // backward().
  at::Tensor forward(const at::Tensor& x, const std::optional<DropoutStream>& dropout);
  // d_logits [B, K] -> gradients in the order of tensors(), for the last forward() in training mode.
  // `d_scale` is the gradient of logit_scale.
  std::vector<at::Tensor> backward(const at::Tensor& d_logits, const at::Tensor& d_scale) const;

  // Shares the weights; products have float32 operands.
  GateNetwork in_float32() const;

  const at::Tensor& logit_scale() const { return tensors_[0]; }
  // logit_scale [1], then weight [out, in] and bias [out] of each layer. Updated in place by the optimiser.
  std::vector<at::Tensor>& tensors() { return tensors_; }

 private:
  std::size_t n_layers() const { return (tensors_.size() - 1) / 2; }
  const at::Tensor& weight(std::size_t layer) const { return tensors_[1 + 2 * layer]; }
  const at::Tensor& bias(std::size_t layer) const { return tensors_[2 + 2 * layer]; }

  GatePrecision precision_;
  std::vector<at::Tensor> tensors_;
  // Input of each layer in the last training forward pass. An element of a hidden layer's output is above 0
  // exactly where ReLU and dropout pass it.
  std::vector<at::Tensor> inputs_;
  double kept_scale_ = 1.0;  // scale of the elements that dropout keeps
};

std::vector<at::Tensor> to_tensors(const GateParameters& parameters, at::Device device);
// Copies logit_scale, then weight and bias of each layer, to the host.
GateParameters to_parameters(const std::vector<at::Tensor>& tensors);

// Seeds of streams that in practice do not overlap: purpose 0 initial weights, 1 batches, 2 dropout; the last
// two have one stream per step.
std::uint64_t stream_seed(std::uint64_t seed, std::uint64_t purpose);

}  // namespace armorm::gating
