#include "gating/gate_rates.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>

#include "gating/gate_products.h"
#include "model/random_operand.h"

namespace armorm::gating {
namespace {

constexpr double kSecondsPerLayer = 0.1;  // for each kernel; at least one run after the warm-up
constexpr int kMostRuns = 4;

// Layers of one size.
struct Layers {
  std::int64_t in = 0, out = 0;
  std::int64_t count = 0;
  bool first = false;  // the gradient of its input is not needed

  double flops(std::int64_t rows) const {
    return (first ? 4.0 : 6.0) * static_cast<double>(rows) * static_cast<double>(in) *
           static_cast<double>(out);
  }
};

std::vector<Layers> layers_of(const GateShape& shape) {
  if (shape.n_hidden == 0) return {{shape.input_size, shape.n_attributes, 1, true}};
  return {{shape.input_size, shape.hidden_size, 1, true},
          {shape.hidden_size, shape.hidden_size, shape.n_hidden - 1, false},
          {shape.hidden_size, shape.n_attributes, 1, false}};
}

void run_products(const Layers& layer, const at::Tensor& x, const at::Tensor& d, const at::Tensor& weight,
                  const at::Tensor& bias, GatePrecision precision) {
  layer_output(x, weight, bias, precision);
  weight_gradient(d, x, precision);
  if (!layer.first) input_gradient(d, weight, precision);
}

// The fastest run of one layer.
double seconds_of(const Layers& layer, std::int64_t rows, GatePrecision precision) {
  const auto random = [](at::IntArrayRef shape, std::uint64_t seed) {
    return model::random_operand(shape, at::kFloat, at::kCPU, seed);
  };
  const at::Tensor x = to_operand(random({rows, layer.in}, 1), precision);
  const at::Tensor d = random({rows, layer.out}, 2);
  const at::Tensor weight = random({layer.out, layer.in}, 3);
  const at::Tensor bias = at::zeros({layer.out});
  double best = 0.0, spent = 0.0;
  for (int run = 0; run < 2 || (run < kMostRuns && spent < kSecondsPerLayer); ++run) {
    const auto start = std::chrono::steady_clock::now();
    run_products(layer, x, d, weight, bias, precision);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = run < 2 ? seconds : std::min(best, seconds);  // the first one is a warm-up
    spent += seconds;
  }
  return best;
}

double rate_in_use(const GateShape& shape, std::int64_t rows, GatePrecision precision) {
  double flops = 0.0, seconds = 0.0;
  for (const Layers& layer : layers_of(shape)) {
    if (layer.count == 0) continue;
    flops += static_cast<double>(layer.count) * layer.flops(rows);
    seconds += static_cast<double>(layer.count) * seconds_of(layer, rows, precision);
  }
  return flops / std::max(seconds, 1e-9);
}

}  // namespace

Precision product_precision(GatePrecision precision) {
  return precision == GatePrecision::bf16 ? Precision::bf16 : Precision::fp32;
}

std::vector<model::KernelRate> measure_gate_kernels(const GateShape& shape, std::int64_t batch_size,
                                                    GatePrecision precision) {
  const c10::InferenceMode no_gradients;
  const CpuKernels before = model::kernels_in_use();
  std::vector<model::KernelRate> rates;
  for (const CpuKernels kernels : model::available_kernels(product_precision(precision), false)) {
    model::use_kernels(kernels);
    rates.push_back({kernels, rate_in_use(shape, batch_size, precision)});
  }
  model::use_kernels(before);
  return rates;
}

}  // namespace armorm::gating
