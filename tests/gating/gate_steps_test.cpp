// The hand-written operations of a training step, compared with ATen's own; on CUDA, compared with the CPU.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "gating/adamw.h"
#include "gating/gate_network.h"
#include "gating/gate_products.h"
#include "gating/gate_rows.h"
#include "gating/shuffle_order.h"
#include "gating/train_gate.h"
#include "io/scratch_memory.h"
#include "model/gpu_test_support.h"
#include "support/process.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::gating;
using namespace armorm::test;

namespace {

at::Tensor random(at::IntArrayRef shape, std::uint64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::kFloat);
}

// Largest difference as a fraction of the largest element.
double difference(const at::Tensor& got, const at::Tensor& exact) {
  return (got.to(at::kDouble) - exact).abs().max().item<double>() / exact.abs().max().item<double>();
}

// 600 pairs with random prompts; in every third pair the rejected side has its own prompt.
struct Pairs {
  explicit Pairs(std::int64_t width) : d(width) {
    const at::Tensor r = random({n, 2 * k}, 1).contiguous();
    rewards.assign(r.const_data_ptr<float>(), r.const_data_ptr<float>() + r.numel());
    for (std::int64_t i = 0; i < n; ++i) {
      chosen_prompt.push_back(n_prompts++);
      rejected_prompt.push_back(i % 3 == 0 ? n_prompts++ : chosen_prompt.back());
    }
    const at::Tensor p = random({n_prompts, d}, 2).contiguous();
    for (std::int64_t i = 0; i < p.numel(); ++i)
      prompts.push_back(BFloat16::from_float(p.const_data_ptr<float>()[i]));
    rows.resize(static_cast<std::size_t>(n));
    std::iota(rows.begin(), rows.end(), 0);
  }
  PairData data() const {
    return {{rewards.data(), n, k, 2 * k},
            {rewards.data() + k, n, k, 2 * k},
            {prompts.data(), n_prompts, d},
            chosen_prompt,
            rejected_prompt};
  }
  GateParameters initial() const { return initial_gate({d, 2, 96, k, 1.0}, 1.0, 5); }

  static constexpr std::int64_t n = 600, k = 7;
  std::int64_t d, n_prompts = 0;
  std::vector<float> rewards;
  std::vector<BFloat16> prompts;
  std::vector<std::int64_t> chosen_prompt, rejected_prompt, rows;
};

TrainOptions options_for(GatePrecision precision, std::int64_t n_steps = 12) {
  TrainOptions options;
  options.n_steps = n_steps;
  options.batch_size = 64;
  options.learning_rate = 1e-2;
  options.dropout = 0.3;
  options.temperature = 1.0;
  options.precision = precision;
  options.log_every = 1;
  return options;
}

std::vector<double> losses_of(const Pairs& pairs, const TrainOptions& options) {
  std::vector<double> losses;
  train_gate(pairs.data(), pairs.rows, pairs.initial(), options,
             [&](const StepReport& r) { losses.push_back(r.loss); });
  return losses;
}

}  // namespace

TEST_CASE("the three products of a layer equal those in float64", "[unit]") {
  for (const GatePrecision precision : {GatePrecision::fp32, GatePrecision::bf16}) {
    const bool rounded = precision == GatePrecision::bf16;
    for (const auto& [n, in, out] : {std::tuple{64, 128, 96}, {1000, 131, 19}, {17, 1024, 65}, {1, 1, 1}}) {
      CAPTURE(rounded, n, in, out);
      const auto cast = [&](const at::Tensor& t) {
        return (rounded ? t.to(at::kBFloat16) : t).to(at::kDouble);
      };
      const at::Tensor x = random({n, in}, 1), w = random({out, in}, 2), bias = random({out}, 3),
                       d = random({n, out}, 4);
      CHECK(difference(layer_output(x, w, bias, precision),
                       cast(x).matmul(cast(w).t()) + bias.to(at::kDouble)) <= 4e-6);
      CHECK(difference(input_gradient(d, w, precision), cast(d).matmul(cast(w))) <= 4e-6);
      CHECK(difference(weight_gradient(d, x, precision), cast(d).t().matmul(cast(x))) <= 4e-6);
    }
  }
}

TEST_CASE("the rectifier with dropout keeps the share asked for, in no pattern", "[unit]") {
  constexpr std::int64_t n = 1 << 20;
  for (const double probability : {0.1, 0.2, 0.5}) {
    const auto drop = [&](std::uint64_t key) {
      std::vector<float> x(n, 2.0F);
      gate_rows::relu_dropout({key, static_cast<std::uint32_t>(std::llround(probability * 4294967296.0)),
                               static_cast<float>(1 / (1 - probability))},
                              0, x.data(), n);
      return x;
    };
    const std::vector<float> x = drop(11), y = drop(12);
    const auto kept = static_cast<float>(2 / (1 - probability));
    double share = 0, both = 0, next = 0, stride = 0;
    for (std::size_t i = 0; i < n; ++i) {
      if (x[i] != 0.0F && x[i] != kept) FAIL("element " << i << " is " << x[i]);
      share += x[i] != 0;
      both += x[i] != 0 && y[i] != 0;
      next += x[i] != 0 && x[(i + 1) % n] != 0;
      stride += x[i] != 0 && x[(i + 1024) % n] != 0;
    }
    const double keep = 1 - probability, error = 5 * std::sqrt(0.25 / n);  // at least five standard errors
    CHECK(std::abs(share / n - keep) < error);
    CHECK(std::abs(both / n - keep * keep) < error);
    CHECK(std::abs(next / n - keep * keep) < error);
    CHECK(std::abs(stride / n - keep * keep) < error);
  }
}

TEST_CASE("the rectifier with dropout gives an element the same at any place of a thread's part", "[unit]") {
  const at::Tensor r = random({1001}, 9);
  const std::vector<float> values(r.const_data_ptr<float>(), r.const_data_ptr<float>() + 1001);
  const gate_rows::Dropout dropout{77, 1U << 30, 4.0F / 3.0F};
  std::vector<float> whole = values;
  gate_rows::relu_dropout(dropout, 0, whole.data(), 1001);
  for (const std::int64_t cut : {2, 500, 1000}) {
    std::vector<float> parts = values;
    gate_rows::relu_dropout(dropout, 0, parts.data(), cut);
    gate_rows::relu_dropout(dropout, cut, parts.data() + cut, 1001 - cut);
    CHECK(parts == whole);
  }
  for (std::size_t i = 0; i < values.size(); ++i) CHECK((values[i] > 0 || whole[i] == 0.0F));
}

TEST_CASE("a training has the same bits on any number of threads", "[unit]") {
  const Pairs pairs(160);
  for (const GatePrecision precision : {GatePrecision::fp32, GatePrecision::bf16}) {
    const int before = at::get_num_threads();
    at::set_num_threads(1);
    const std::vector<double> one = losses_of(pairs, options_for(precision));
    at::set_num_threads(3);
    const std::vector<double> three = losses_of(pairs, options_for(precision));
    at::set_num_threads(before);
    CHECK(one == three);
  }
}

TEST_CASE("operands in bfloat16 follow the training in float32 to their rounding", "[unit]") {
  const Pairs pairs(160);
  const std::vector<double> exact = losses_of(pairs, options_for(GatePrecision::fp32, 40));
  const std::vector<double> rounded = losses_of(pairs, options_for(GatePrecision::bf16, 40));
  CHECK(exact != rounded);
  CHECK(exact.back() < 0.75 * exact.front());  // the loss falls, so the comparison is meaningful
  for (std::size_t i = 0; i < 20; ++i) {       // later steps amplify rounding differences
    INFO("step " << i);
    CHECK(std::abs(exact[i] - rounded[i]) <= 0.02 * exact.front());
  }
  CHECK(std::abs(exact.back() - rounded.back()) <= 0.1 * exact.front());
}

TEST_CASE("on CUDA, a training step and its scores equal those of the CPU", "[gpu]") {
  if (!has_cuda()) ARMORM_SKIP("no CUDA device");
  const Pairs pairs(160);
  for (const GatePrecision precision : {GatePrecision::fp32, GatePrecision::bf16}) {
    TrainOptions options = options_for(precision, 30);
    options.dropout = 0.0;  // each kind of device has its own random stream
    const std::vector<double> cpu = losses_of(pairs, options);
    const GateParameters gate = train_gate(pairs.data(), pairs.rows, pairs.initial(), options, {});
    options.device = 0;
    const std::vector<double> cuda = losses_of(pairs, options);
    const double bound = precision == GatePrecision::fp32 ? 1e-4 : 1e-2;
    for (std::size_t i = 0; i < cpu.size(); ++i) CHECK(std::abs(cpu[i] - cuda[i]) <= bound);
    const PairScores here = score_pairs(gate, pairs.data(), pairs.rows, GateSoftmax::attributes, 1.0, -1);
    const PairScores there = score_pairs(gate, pairs.data(), pairs.rows, GateSoftmax::attributes, 1.0, 0);
    for (std::size_t i = 0; i < here.chosen.size(); ++i)
      CHECK(std::abs(here.chosen[i] - there.chosen[i]) <= 1e-4);
  }
}

TEST_CASE("on CUDA, dropout draws from the step's own stream", "[gpu]") {
  if (!has_cuda()) ARMORM_SKIP("no CUDA device");
  const Pairs pairs(160);
  TrainOptions options = options_for(GatePrecision::fp32);
  options.device = 0;
  CHECK(losses_of(pairs, options) == losses_of(pairs, options));
  const std::vector<double> seed0 = losses_of(pairs, options);
  options.seed = 1;
  CHECK(seed0 != losses_of(pairs, options));
}

// A process of its own: other tests use the first GPU.
TEST_CASE("a training on the second GPU, in a process of its own", "[.second_gpu]") {
  const Pairs pairs(160);
  TrainOptions options = options_for(GatePrecision::fp32, 3);
  options.device = 1;
  const GateParameters gate = train_gate(pairs.data(), pairs.rows, pairs.initial(), options, {});
  CHECK(score_pairs(gate, pairs.data(), pairs.rows, GateSoftmax::attributes, 1.0, 1).chosen.size() ==
        pairs.rows.size());
  CHECK_FALSE(has_context(0));
  CHECK(has_context(1));
}

TEST_CASE("a training on the second GPU gives the first one no context", "[gpu]") {
  if (const char* why = why_no_second_gpu()) ARMORM_SKIP(why);
  const ProcessResult result = run_program("test_gating", {"[.second_gpu]"});
  INFO(result.out << result.err);
  CHECK(result.exit_code == 0);
}

TEST_CASE(
    "with a shuffle window the batches follow its order, once an epoch, and a resumed run goes on in it",
    "[unit]") {
  const Pairs pairs(32);
  TrainOptions options = options_for(GatePrecision::fp32, 25);  // 2.7 epochs
  options.shuffle_window = 128;
  options.seed = 3;
  const GateParameters found = train_gate(pairs.data(), pairs.rows, pairs.initial(), options, {});
  ShuffleOrder order(Pairs::n, options.shuffle_window, stream_seed(options.seed, 1));
  std::vector<std::vector<std::int64_t>> batches(25);
  for (std::int64_t i = 0; i < 25 * options.batch_size; ++i)
    batches[static_cast<std::size_t>(i / options.batch_size)].push_back(order.at(i));
  std::vector<double> losses;
  const GateParameters expected =
      train_gate_on_batches(pairs.data(), batches, pairs.initial(), options, losses);
  GateTrainer begun(pairs.data(), pairs.rows, {.gate = pairs.initial()}, options);
  for (int i = 0; i < 11; ++i) begun.step();
  GateTrainer resumed(pairs.data(), pairs.rows, begun.state(), options);
  while (!resumed.done()) resumed.step();
  options.shuffle_window = 0;
  const GateParameters drawn = train_gate(pairs.data(), pairs.rows, pairs.initial(), options, {});
  for (std::size_t i = 0; i < found.layers.size(); ++i) {
    CHECK(found.layers[i].weight == expected.layers[i].weight);
    CHECK(found.layers[i].weight == resumed.gate().layers[i].weight);
    CHECK(found.layers[i].weight != drawn.layers[i].weight);
  }
}

TEST_CASE("weights of gates are the same bits in scratch files", "[unit]") {
  const Pairs pairs(32);
  const test::TempDir place;
  io::ScratchMemory scratch(place.path());
  const auto gates = [&](std::pmr::memory_resource* memory) {
    return pair_gates(pairs.initial(), pairs.data(), pairs.rows, GateSoftmax::attributes, 1.0, -1, memory);
  };
  const PairGates here = gates(std::pmr::get_default_resource()), there = gates(&scratch);
  CHECK(std::ranges::equal(here.chosen, there.chosen));
  CHECK(std::ranges::equal(here.rejected, there.rejected));
  CHECK(here.scores.chosen == there.scores.chosen);
  CHECK(std::ranges::equal(gate_weights(pairs.initial(), pairs.data(), pairs.rows, 1.0, -1, &scratch),
                           here.chosen));
  const PairScores scores =
      score_pairs(pairs.initial(), pairs.data(), pairs.rows, GateSoftmax::attributes, 1.0, -1);
  CHECK(scores.chosen == here.scores.chosen);
  CHECK(scores.rejected == here.scores.rejected);
}
