// Times each operation of a decoder layer at a model's shapes and compares it with the device's rate on a
// large square product (compute-bound operations) and on a copy (memory-bound operations).
//
//   roofline_bench MODEL_FOLDER [--tokens N] [--sequence N] [--precision bf16|fp32|fp8|int8] [--device N]
//                  [--threads N] [--kernels auto|NAME]
//
// A pack has `tokens` tokens in sequences of `sequence` tokens; the weights are random.
#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "bench_files.h"
#include "core/words.h"
#include "model/attention.h"
#include "model/compute_threads.h"
#include "model/cpu_kernels.h"
#include "model/linear.h"
#include "model/model_config.h"
#include "model/ops.h"

namespace {

using namespace armorm;
using namespace armorm::bench;
using namespace armorm::model;

struct Operation {
  std::string name;
  double flops = 0.0;
  double bytes = 0.0;  // read and written at least once
  std::function<void()> run;
};

class Bench {
 public:
  explicit Bench(const Flags& flags)
      : config_(ModelConfig::load(flags.folder)),
        device_(flags.number("device") < 0
                    ? at::Device(at::kCPU)
                    : at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(flags.number("device")))),
        type_(flags.text("precision") == "fp32" ? at::kFloat : at::kBFloat16),
        precision_(parse_word<Precision>("--precision", flags.text("precision"))),
        format_(format_of(precision_)),
        n_(flags.number("tokens")),
        sequence_(std::min(flags.number("sequence"), n_)) {}

  void print() {
    const double peak_flops = gemm_peak();
    const double peak_bytes = copy_peak();
    fmt::print(
        "{} {}, kernels {}: {} tokens in sequences of {}; a product of {} reaches {:.2f} TFLOP/s, a copy "
        "{:.1f} GB/s\n\n",
        device_.str(), name_of(precision_), name_of(kernels_in_use()), n_, sequence_, gemm_shape_,
        peak_flops / 1e12, peak_bytes / 1e9);
    fmt::print(
        "| operation | GFLOP | MB | ms | TFLOP/s | of the product | GB/s | of the copy "
        "|\n|---|---:|---:|---:|---:|---:|---:|---:|\n");
    Operation layer{"one layer", 0, 0, {}};
    double total = 0.0;
    for (const Operation& operation : operations()) {
      const double seconds = time(operation.run);
      print_row(operation, seconds, peak_flops, peak_bytes);
      layer.flops += operation.flops;
      layer.bytes += operation.bytes;
      total += seconds;
    }
    print_row(layer, total, peak_flops, peak_bytes);
    fmt::print("\n{} layers of this take {:.3f} s: {:.0f} tokens/s\n", config_.num_hidden_layers,
               total * static_cast<double>(config_.num_hidden_layers),
               static_cast<double>(n_) / total / static_cast<double>(config_.num_hidden_layers));
  }

 private:
  static void print_row(const Operation& o, double seconds, double peak_flops, double peak_bytes) {
    fmt::print("| {} | {:.2f} | {:.1f} | {:.3f} | {:.3f} | {:.1f} % | {:.1f} | {:.1f} % |\n", o.name,
               o.flops / 1e9, o.bytes / 1e6, seconds * 1e3, o.flops / seconds / 1e12,
               100 * o.flops / seconds / peak_flops, o.bytes / seconds / 1e9,
               100 * o.bytes / seconds / peak_bytes);
  }

  at::Tensor random(at::IntArrayRef shape, at::ScalarType type) const {
    return at::randn(shape, at::TensorOptions().dtype(at::kFloat).device(device_)).to(type);
  }
  at::Tensor random(at::IntArrayRef shape) const { return random(shape, type_); }

  void wait() const {
    if (!device_.is_cpu()) c10::impl::VirtualGuardImpl(device_.type()).getStream(device_).synchronize();
  }

  // The best of three runs, each long enough for the clock; processor time would count waiting threads too.
  double time(const std::function<void()>& run) const {
    run();
    wait();
    double best = 1e30;
    for (int round = 0; round < 3; ++round) {
      const Stopwatch watch;
      int count = 0;
      do {
        run();
        ++count;
        if (device_.is_cpu() || count % 8 == 0) wait();
      } while (watch.seconds() < 0.05);
      wait();
      best = std::min(best, watch.seconds() / count);
    }
    return best;
  }

  double gemm_peak() {
    const std::int64_t n = device_.is_cpu() ? 2048 : 8192;
    const at::Tensor a = random({n, n});
    const at::Tensor b = random({n, n});
    const Linear packed = make_linear(b, {}, format_);
    gemm_shape_ = fmt::format("{0} x {0} x {0}", n);
    const double seconds = std::min(time([&] { at::linear(a, b); }), time([&] { apply(packed, a, 0); }));
    return 2.0 * static_cast<double>(n * n * n) / seconds;
  }

  double copy_peak() const {
    const at::Tensor from = random({std::int64_t{64} << 20}, at::kFloat);
    at::Tensor to = at::empty_like(from);
    return 2.0 * static_cast<double>(from.nbytes()) / time([&] { to.copy_(from); });
  }

  Operation product(const std::string& name, std::int64_t out, std::int64_t in, bool gated = false) const {
    const at::Tensor weight = random({out, in});
    const Linear linear = make_linear(weight, {}, format_, gated);
    const at::Tensor x = random({n_, in});
    const auto elements = static_cast<double>(n_ * (in + out) + out * in);
    return {name, 2.0 * static_cast<double>(n_ * out * in), elements * static_cast<double>(x.element_size()),
            [linear, x, gated] {
              if (gated) {
                apply_gated(linear, x, Activation::silu, 0);
              } else {
                apply(linear, x, 0);
              }
            }};
  }

  Operation attention() const {
    const std::int64_t heads = config_.num_attention_heads;
    const std::int64_t kv_heads = config_.num_key_value_heads;
    const at::Tensor qkv = random({n_, heads + 2 * kv_heads, config_.head_dim});
    AttentionPlan plan;
    for (std::int64_t begin = 0; begin < n_; begin += sequence_) {
      const std::int64_t length = std::min(sequence_, n_ - begin);
      plan.blocks.push_back({begin, length, begin, length});
    }
    finish_plan(plan, device_);
    AttentionOptions options;
    options.scale = 1.0 / std::sqrt(static_cast<double>(config_.head_dim));
    // Two products over the half of the square that the causal mask leaves.
    const double flops = 2.0 * static_cast<double>(n_ * sequence_ * heads * config_.head_dim);
    const auto bytes = static_cast<double>(qkv.nbytes() + n_ * heads * config_.head_dim * qkv.element_size());
    return {"attention", flops, bytes, [=] {
              packed_attention(qkv.narrow(1, 0, heads), qkv.narrow(1, heads, kv_heads),
                               qkv.narrow(1, heads + kv_heads, kv_heads), plan, options);
            }};
  }

  Operation norm(const std::string& name) const {
    const at::Tensor residual = random({n_, config_.hidden_size});
    const at::Tensor delta = random({n_, config_.hidden_size});
    const at::Tensor weight = random({config_.hidden_size}, at::kFloat);
    return {name, 5.0 * static_cast<double>(residual.numel()), 4.0 * static_cast<double>(residual.nbytes()),
            [=] {
              at::Tensor sum = residual;
              add_rms_norm(sum, delta, weight, 1e-5);
            }};
  }

  Operation rotation() const {
    const at::Tensor x =
        random({n_, config_.num_attention_heads + config_.num_key_value_heads, config_.head_dim});
    const at::Tensor angles = random({n_, config_.head_dim / 2}, at::kFloat);
    const at::Tensor cos = angles.cos();
    const at::Tensor sin = angles.sin();
    return {"rope", 3.0 * static_cast<double>(x.numel()),
            2.0 * static_cast<double>(x.nbytes() + angles.nbytes()), [=] {
              at::Tensor rotated = x;
              rope_inplace(rotated, cos, sin);
            }};
  }

  std::vector<Operation> operations() const {
    const ModelConfig& c = config_;
    const std::int64_t q_size = c.num_attention_heads * c.head_dim;
    const std::int64_t kv_size = c.num_key_value_heads * c.head_dim;
    return {norm("add + norm before attention"),
            product("qkv product", q_size + 2 * kv_size, c.hidden_size),
            rotation(),
            attention(),
            product("o product", c.hidden_size, q_size),
            norm("add + norm before the MLP"),
            product("gate-up product with activation", 2 * c.intermediate_size, c.hidden_size, true),
            product("down product", c.hidden_size, c.intermediate_size)};
  }

  ModelConfig config_;
  at::Device device_;
  at::ScalarType type_;
  Precision precision_;
  WeightFormat format_;
  std::int64_t n_;
  std::int64_t sequence_;
  std::string gemm_shape_;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    const armorm::bench::Flags flags(argc, argv,
                                     {{"tokens", "2048"},
                                      {"sequence", "256"},
                                      {"precision", "bf16"},
                                      {"device", "-1"},
                                      {"threads", "2"},
                                      {"kernels", "auto"}});
    const c10::InferenceMode no_gradients;
    armorm::model::set_compute_threads(static_cast<int>(flags.number("threads")));
    armorm::bench::use_flagged_kernels(flags, false);
    Bench(flags).print();
    return 0;
  } catch (const armorm::Error& error) {
    fmt::print(stderr, "roofline_bench: {}\n", error.what());
    return error.exit_code();
  }
}
