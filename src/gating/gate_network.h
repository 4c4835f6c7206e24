// The gate on a device, with its backward pass written out: the only gradients needed are those of its own
// parameters.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "gating/gate.h"
#include "gating/gate_products.h"

namespace armorm {

// What one training step drops: the same elements for the same stream and shapes, on one kind of device.
struct DropoutStream {
  double probability = 0.0;
  std::uint64_t seed = 0;  // of the step
};

class GateNetwork {
 public:
  GateNetwork(const GateParameters& parameters, at::Device device,
              GatePrecision precision = GatePrecision::fp32);
  GateParameters parameters() const;

  // x [B, D], of any type -> logits [B, K] float32. With dropout: training mode, activations kept for
  // backward().
  at::Tensor forward(const at::Tensor& x, const std::optional<DropoutStream>& dropout);
  // d_logits [B, K] -> gradients in the order of tensors(), for the last forward() in training mode;
  // `d_scale` is that of logit_scale.
  std::vector<at::Tensor> backward(const at::Tensor& d_logits, const at::Tensor& d_scale) const;

  // The same weights, not copied, with products of float32 operands.
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
  // Of each layer, of the last training forward. An element of a hidden layer's output is above 0 exactly
  // where the rectifier and dropout let it pass.
  std::vector<at::Tensor> inputs_;
  double kept_scale_ = 1.0;  // what dropout multiplied by where it kept
};

std::vector<at::Tensor> to_tensors(const GateParameters& parameters, at::Device device);
// logit_scale, then weight and bias of each layer, copied to the host.
GateParameters to_parameters(const std::vector<at::Tensor>& tensors);

// Streams of one seed that do not overlap in practice: purpose 0 initial weights, 1 batches, 2 dropout; of
// these two, one for each step.
std::uint64_t stream_seed(std::uint64_t seed, std::uint64_t purpose);

}  // namespace armorm
