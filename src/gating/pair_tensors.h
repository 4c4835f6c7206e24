// Preference pairs on the device that trains the gate, gathered by batch.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "gating/trainer.h"

namespace armorm::gating {

// Index -1 = CPU.
at::Device gate_device(int index);

class PairTensors {
 public:
  // Views of `data` on the CPU, copies on other devices.
  PairTensors(const PairData& data, GateSoftmax softmax, at::Device device);
  PairTensors(const PairTensors&) = delete;
  PairTensors& operator=(const PairTensors&) = delete;

  struct Batch {
    at::Tensor
        prompts;  // [B + M, D] bf16: the chosen sides, then the rejected sides that need a gate of their own
    at::Tensor second;    // [B] row of `prompts` for the rejected side's gate
    at::Tensor chosen;    // rewards [B, K]
    at::Tensor rejected;  // [B, K]
  };
  Batch gather(std::span<const std::int64_t> rows) const;
  // Lets the system read the pairs of a later batch from mapped files, in few runs where they are in the
  // files' order; does not wait for them.
  void read_ahead(std::span<const std::int64_t> rows) const;

 private:
  at::Tensor indices(std::span<const std::int64_t> rows) const;
  bool has_own_gate(std::size_t pair) const;  // of the rejected side
  void upload_prompts();
  at::Tensor take_prompts(std::span<const std::int64_t> rows) const;

  PairData data_;
  GateSoftmax softmax_;
  at::Device device_;
  at::Tensor chosen_, rejected_;
  // Only on a GPU: the prompts that are used, and their rows.
  at::Tensor prompts_;
  std::vector<std::int64_t> chosen_prompt_, rejected_prompt_;
};

// The gates of both sides, before logit_scale, [B, K] each.
struct SideGates {
  at::Tensor chosen, rejected;
};
SideGates side_gates(const at::Tensor& logits, const PairTensors::Batch& batch, GateSoftmax softmax,
                     double temperature);

// d loss / d logits [B + M, K] from the gradients of both sides' gates.
at::Tensor logits_gradient(const at::Tensor& logits, const PairTensors::Batch& batch, const SideGates& gates,
                           const at::Tensor& d_chosen, const at::Tensor& d_rejected, GateSoftmax softmax,
                           double temperature);

}  // namespace armorm::gating
