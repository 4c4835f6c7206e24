#include "model/cpu_kernels.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>

#include "core/error.h"
#include "core/words.h"
#include "model/attention.h"
#include "model/cpu/kernel_choice.h"
#include "model/cpu/linear.h"
#include "model/linear.h"
#include "model/random_operand.h"

namespace armorm::model {
namespace {

// In order of preference.
constexpr std::array kAll{CpuKernels::amx,    CpuKernels::avx512_bf16, CpuKernels::avx512,
                          CpuKernels::onednn, CpuKernels::avx2,        CpuKernels::libtorch};
constexpr double kNearTie = 0.9;

cpu::Operand operand_of(Precision precision) {
  switch (precision) {
    case Precision::bf16:
      return cpu::Operand::bf16;
    case Precision::int8:
      return cpu::Operand::int8;
    case Precision::fp32:
    case Precision::fp8:  // its products are of float32 on the CPU
      break;
  }
  return cpu::Operand::f32;
}

CpuKernels default_kernels() {
  for (const CpuKernels kernels : {CpuKernels::onednn, CpuKernels::avx2})
    if (panel_kernel(kernels, cpu::Operand::f32) != nullptr) return kernels;
  return CpuKernels::libtorch;
}

std::atomic<CpuKernels>& in_use() {
  static std::atomic<CpuKernels> kernels = default_kernels();
  return kernels;
}

std::string names_of(const std::vector<CpuKernels>& kernels) {
  std::string names;
  for (const CpuKernels k : kernels) names += (names.empty() ? "" : ", ") + std::string(name_of(k));
  return names;
}

constexpr std::int64_t kRows = 256;
constexpr std::int64_t kMostOutputs = 1024;  // panels do not depend on each other
constexpr int kRounds = 4;                   // the first one is a warm-up

// One of a layer's operations, at a size that takes milliseconds.
struct Trial {
  std::function<void()> run;
  double flops = 0.0;   // of a run
  double weight = 0.0;  // operations of a layer of kRows rows in this operation
};

Trial product_trial(std::int64_t out, std::int64_t in, bool gated, Precision precision) {
  const at::ScalarType type = precision == Precision::fp32 ? at::kFloat : at::kBFloat16;
  const std::int64_t outputs = std::min(out, kMostOutputs);
  const Linear linear =
      make_linear(random_operand({outputs, in}, type, at::kCPU, 1), {}, format_of(precision), gated);
  const at::Tensor x = random_operand({kRows, in}, type, at::kCPU, 2);
  const auto flops = static_cast<double>(2 * kRows * in);
  const auto run = [=] {
    if (gated) {
      apply_gated(linear, x, Activation::silu, 0);
    } else {
      apply(linear, x, 0);
    }
  };
  return {run, flops * static_cast<double>(outputs), flops * static_cast<double>(out)};
}

Trial attention_trial(const ModelConfig& c, Precision precision) {
  const at::ScalarType type = precision == Precision::fp32 ? at::kFloat : at::kBFloat16;
  const at::Tensor qkv = random_operand(
      {kRows, c.num_attention_heads + 2 * c.num_key_value_heads, c.head_dim}, type, at::kCPU, 1);
  AttentionPlan plan;
  plan.blocks.push_back({0, kRows, 0, kRows});
  finish_plan(plan, at::kCPU);
  AttentionOptions options;
  options.scale = 1.0 / std::sqrt(static_cast<double>(c.head_dim));
  const auto flops = static_cast<double>(2 * kRows * kRows * c.num_attention_heads * c.head_dim);
  const std::int64_t q = c.num_attention_heads;
  const std::int64_t kv = c.num_key_value_heads;
  return {[=] {
            packed_attention(qkv.narrow(1, 0, q), qkv.narrow(1, q, kv), qkv.narrow(1, q + kv, kv), plan,
                             options);
          },
          flops, flops};
}

// Of the kernels in use.
std::vector<Trial> trials(const ModelConfig& c, Precision precision) {
  const std::int64_t q_size = c.num_attention_heads * c.head_dim;
  const std::int64_t kv_size = c.num_key_value_heads * c.head_dim;
  return {product_trial(q_size + 2 * kv_size, c.hidden_size, false, precision), attention_trial(c, precision),
          product_trial(c.hidden_size, q_size, false, precision),
          product_trial(2 * c.intermediate_size, c.hidden_size, true, precision),
          product_trial(c.hidden_size, c.intermediate_size, false, precision)};
}

double seconds_of(const std::function<void()>& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct Candidate {
  CpuKernels kernels;
  std::vector<Trial> trials;
  std::vector<double> best;  // seconds

  double rate() const {
    double operations = 0.0;
    double seconds = 0.0;
    for (std::size_t i = 0; i < trials.size(); ++i) {
      operations += trials[i].weight;
      seconds += best[i] * trials[i].weight / trials[i].flops;
    }
    return operations / seconds;
  }
};

// Restores the kernels in use.
class KernelsInUse {
 public:
  KernelsInUse() : before_(kernels_in_use()) {}
  KernelsInUse(const KernelsInUse&) = delete;
  KernelsInUse& operator=(const KernelsInUse&) = delete;
  ~KernelsInUse() { in_use() = before_; }

 private:
  CpuKernels before_;
};

}  // namespace

std::vector<CpuKernels> available_kernels(Precision precision, bool batch_invariant) {
  const cpu::Operand operand = operand_of(precision);
  std::vector<CpuKernels> kernels;
  std::vector<std::pair<const void*, const void*>> seen;
  for (const CpuKernels k : kAll) {
    if (k == CpuKernels::libtorch) continue;
    // int8 leaves attention in bfloat16.
    const cpu::PanelKernel* products =
        operand == cpu::Operand::int8 ? integer_kernel(k, operand) : panel_kernel(k, operand);
    const cpu::PanelKernel* attention =
        panel_kernel(k, precision == Precision::fp32 ? cpu::Operand::f32 : cpu::Operand::bf16);
    if (products == nullptr || attention == nullptr) continue;
    if (std::find(seen.begin(), seen.end(), std::pair<const void*, const void*>(products, attention)) !=
        seen.end())
      continue;
    seen.emplace_back(products, attention);
    kernels.push_back(k);
  }
  // The widest name of equal ones is the one that every processor with them has.
  if (precision == Precision::fp32)
    std::replace_if(
        kernels.begin(), kernels.end(),
        [](CpuKernels k) { return k == CpuKernels::amx || k == CpuKernels::avx512_bf16; },
        CpuKernels::avx512);
  if (!batch_invariant && precision != Precision::int8) kernels.push_back(CpuKernels::libtorch);
  return kernels;
}

const cpu::PanelKernel* integer_kernel(CpuKernels kernels, cpu::Operand operand) {
  const cpu::PanelKernel* own = panel_kernel(kernels, operand);
  return own != nullptr ? own : panel_kernel(CpuKernels::avx512, operand);
}

void use_kernels(CpuKernels kernels) {
  if (kernels == CpuKernels::measured)
    fail_internal("the kernels in use are fixed ones; measure_kernels() and preferred_kernels() find them");
  if (kernels != CpuKernels::libtorch && panel_kernel(kernels, cpu::Operand::f32) == nullptr)
    fail_usage("`kernels` {}: this processor or LibTorch does not have them; use {}", name_of(kernels),
               names_of(available_kernels(Precision::bf16, false)));
  in_use() = kernels;
}

CpuKernels kernels_in_use() noexcept { return in_use(); }

std::vector<KernelRate> measure_kernels(const ModelConfig& config, Precision precision,
                                        bool batch_invariant) {
  const c10::InferenceMode no_gradients;
  const KernelsInUse restored;
  std::vector<Candidate> candidates;
  for (const CpuKernels k : available_kernels(precision, batch_invariant)) {
    in_use() = k;
    candidates.push_back({k, trials(config, precision), {}});
    candidates.back().best.assign(candidates.back().trials.size(), HUGE_VAL);
  }
  // In turns: a disturbance meets all of them.
  for (int round = 0; round < kRounds; ++round) {
    for (Candidate& c : candidates) {
      in_use() = c.kernels;
      for (std::size_t i = 0; i < c.trials.size(); ++i)
        c.best[i] = std::min(c.best[i], seconds_of(c.trials[i].run));
    }
  }
  std::vector<KernelRate> rates;
  for (const Candidate& c : candidates) rates.push_back({c.kernels, c.rate()});
  return rates;
}

CpuKernels preferred_kernels(std::span<const KernelRate> rates) {
  if (rates.empty()) fail_internal("there are no kernels to choose from");
  double highest = 0.0;
  for (const KernelRate& r : rates) highest = std::max(highest, r.flops);
  for (const KernelRate& r : rates)
    if (r.flops >= kNearTie * highest) return r.kernels;
  return rates.front().kernels;
}

std::string processor_name() { return cpu::processor_name(); }

}  // namespace armorm::model
