// The optimiser of gate training.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace armorm::gating {

// PyTorch's AdamW (decoupled decay, bias correction, eps outside the root).
class AdamW {
 public:
  AdamW(const std::vector<at::Tensor>& tensors, double weight_decay);
  void step(std::vector<at::Tensor>& tensors, const std::vector<at::Tensor>& gradients, double learning_rate);

  std::int64_t steps() const { return steps_; }
  const std::vector<at::Tensor>& first_moment() const { return first_; }
  const std::vector<at::Tensor>& second_moment() const { return second_; }
  // Resumes from the state of another optimiser; the shapes must be those of the tensors.
  void restore(std::int64_t steps, std::vector<at::Tensor> first_moment,
               std::vector<at::Tensor> second_moment);

 private:
  double weight_decay_;
  std::int64_t steps_ = 0;
  std::vector<at::Tensor> first_, second_;
};

// Learning rate of step `step` (0-based) of `n_steps`, as in CosineAnnealingLR(T_max = n_steps) with eta_min
// 0.
double cosine_learning_rate(double peak, std::int64_t step, std::int64_t n_steps);

}  // namespace armorm::gating
