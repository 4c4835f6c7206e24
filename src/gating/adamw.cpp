#include "gating/adamw.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <numbers>
#include <utility>

#include "gating/gate_rows.h"

namespace armorm::gating {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kEpsilon = 1e-8;

void step_on_cpu(const gate_rows::AdamWStep& step, const at::Tensor& gradient, at::Tensor& weights,
                 at::Tensor& first, at::Tensor& second) {
  const at::Tensor dense = gradient.contiguous();
  const float* g = dense.const_data_ptr<float>();
  float* w = weights.mutable_data_ptr<float>();
  float* m = first.mutable_data_ptr<float>();
  float* v = second.mutable_data_ptr<float>();
  at::parallel_for(0, weights.numel(), gate_rows::kGrain, [&](std::int64_t begin, std::int64_t end) {
    gate_rows::adamw(step, g + begin, w + begin, m + begin, v + begin, end - begin);
  });
}

}  // namespace

AdamW::AdamW(const std::vector<at::Tensor>& tensors, double weight_decay) : weight_decay_(weight_decay) {
  for (const at::Tensor& t : tensors) {
    first_.push_back(at::zeros_like(t));
    second_.push_back(at::zeros_like(t));
  }
}

void AdamW::step(std::vector<at::Tensor>& tensors, const std::vector<at::Tensor>& gradients,
                 double learning_rate) {
  ++steps_;
  const double correction1 = 1.0 - std::pow(kBeta1, static_cast<double>(steps_));
  const double correction2 = std::sqrt(1.0 - std::pow(kBeta2, static_cast<double>(steps_)));
  const double decay = 1.0 - learning_rate * weight_decay_;
  const gate_rows::AdamWStep one_pass{static_cast<float>(kBeta1),
                                      static_cast<float>(kBeta2),
                                      static_cast<float>(kEpsilon),
                                      static_cast<float>(decay),
                                      static_cast<float>(learning_rate / correction1),
                                      static_cast<float>(correction2)};
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].is_cpu()) {
      step_on_cpu(one_pass, gradients[i], tensors[i], first_[i], second_[i]);
      continue;
    }
    tensors[i].mul_(decay);
    first_[i].lerp_(gradients[i], 1.0 - kBeta1);
    second_[i].mul_(kBeta2).addcmul_(gradients[i], gradients[i], 1.0 - kBeta2);
    const at::Tensor denominator = second_[i].sqrt().div_(correction2).add_(kEpsilon);
    tensors[i].addcdiv_(first_[i], denominator, -learning_rate / correction1);
  }
}

void AdamW::restore(std::int64_t steps, std::vector<at::Tensor> first_moment,
                    std::vector<at::Tensor> second_moment) {
  steps_ = steps;
  first_ = std::move(first_moment);
  second_ = std::move(second_moment);
}

double cosine_learning_rate(double peak, std::int64_t step, std::int64_t n_steps) {
  return peak * 0.5 *
         (1.0 + std::cos(std::numbers::pi * static_cast<double>(step) / static_cast<double>(n_steps)));
}

}  // namespace armorm::gating
