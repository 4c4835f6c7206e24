// Gate training compared with PyTorch: autograd, AdamW and CosineAnnealingLR from the same initial state over
// the same batches.
#include "gating/trainer.h"

#include <numeric>

#include "core/error.h"
#include "eval/preference.h"
#include "gating/train_gate.h"
#include "io/safetensors.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::gating;
using namespace armorm::test;

namespace {

struct Golden {
  explicit Golden(const std::string& name)
      : file(io::SafetensorsFile::open(golden("gating/" + name + ".safetensors"))) {
    const auto r = floats("rewards");
    rewards.assign(r.begin(), r.end());
    for (const float v : floats("prompts")) prompts.push_back(BFloat16::from_float(v));
    const io::TensorView shape = file.at("rewards");
    n = shape.shape[0];
    k = shape.shape[2];
    d = file.at("prompts").shape[2];
    for (std::int64_t i = 0; i < n; ++i) {
      const BFloat16* chosen = prompts.data() + 2 * i * d;
      chosen_prompt.push_back(2 * i);
      rejected_prompt.push_back(std::equal(chosen, chosen + d, chosen + d) ? 2 * i : 2 * i + 1);
    }
  }
  std::span<const float> floats(const std::string& name) const { return file.at(name).as<float>(); }
  GateParameters parameters(const std::string& prefix) const {
    GateParameters out;
    out.logit_scale = floats(prefix + "logit_scale")[0];
    for (int i = 0; file.contains(prefix + "layers." + std::to_string(i) + ".weight"); ++i) {
      const std::string layer = prefix + "layers." + std::to_string(i);
      const io::TensorView w = file.at(layer + ".weight");
      const auto weight = w.as<float>();
      const auto bias = floats(layer + ".bias");
      out.layers.push_back(
          {w.shape[0], w.shape[1], {weight.begin(), weight.end()}, {bias.begin(), bias.end()}});
    }
    return out;
  }
  PairData data() const {
    return {{rewards.data(), n, k, 2 * k},
            {rewards.data() + k, n, k, 2 * k},
            {prompts.data(), 2 * n, d},
            chosen_prompt,
            rejected_prompt};
  }
  std::vector<std::vector<std::int64_t>> batches() const {
    const io::TensorView b = file.at("batches");
    const auto values = b.as<std::int64_t>();
    std::vector<std::vector<std::int64_t>> out;
    for (std::int64_t s = 0; s < b.shape[0]; ++s)
      out.emplace_back(values.begin() + s * b.shape[1], values.begin() + (s + 1) * b.shape[1]);
    return out;
  }
  TrainOptions options(GateSoftmax softmax) const {
    TrainOptions o;
    o.learning_rate = std::stod(file.metadata().at("learning_rate"));
    o.weight_decay = std::stod(file.metadata().at("weight_decay"));
    o.temperature = std::stod(file.metadata().at("temperature"));
    o.n_steps = static_cast<std::int64_t>(batches().size());
    o.dropout = 0.0;
    o.softmax = softmax;
    return o;
  }

  io::SafetensorsFile file;
  std::vector<float> rewards;
  std::vector<BFloat16> prompts;
  std::vector<std::int64_t> chosen_prompt, rejected_prompt;
  std::int64_t n = 0, k = 0, d = 0;
};

float largest_difference(std::span<const float> a, std::span<const float> b) {
  REQUIRE(a.size() == b.size());
  float largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

float largest(std::span<const float> a) { return largest_difference(a, std::vector<float>(a.size())); }

float largest_difference(const GateParameters& a, const GateParameters& b) {
  REQUIRE(a.layers.size() == b.layers.size());
  float largest = std::abs(a.logit_scale - b.logit_scale);
  for (std::size_t i = 0; i < a.layers.size(); ++i) {
    largest = std::max(largest, largest_difference(a.layers[i].weight, b.layers[i].weight));
    largest = std::max(largest, largest_difference(a.layers[i].bias, b.layers[i].bias));
  }
  return largest;
}

// The last bias moves both sides of a pair equally: a softmax over the pair gives it a gradient of only
// rounding noise, which AdamW scales up to steps of either sign.
GateParameters without_noise(GateParameters gate, GateSoftmax softmax) {
  if (softmax == GateSoftmax::pair) gate.layers.back().bias.assign(gate.layers.back().bias.size(), 0.0F);
  return gate;
}

void compare_scores(const PairScores& scores, std::span<const float> expected, float tolerance) {
  for (std::size_t i = 0; i < scores.chosen.size(); ++i) {
    CHECK(std::abs(scores.chosen[i] - expected[2 * i]) <= tolerance);
    CHECK(std::abs(scores.rejected[i] - expected[2 * i + 1]) <= tolerance);
  }
}

struct Bounds {
  double loss = 2e-5;
  float parameters = 2e-4F;
  float moved = 0.1F;  // at least
};

void compare_run(const std::string& name, GateSoftmax softmax, const Bounds& bounds) {
  const Golden g(name);
  const PairData data = g.data();
  const TrainOptions options = g.options(softmax);
  const auto batches = g.batches();
  const GateParameters initial = g.parameters("init.");
  REQUIRE(initial.layers.size() == 3);
  std::vector<std::int64_t> all(static_cast<std::size_t>(g.n));
  std::iota(all.begin(), all.end(), 0);

  compare_scores(score_pairs(initial, data, all, softmax, options.temperature, -1), g.floats("scores_before"),
                 1e-5F);
  CHECK(largest_difference(gate_gradients(data, batches[0], initial, options), g.parameters("grad.")) <=
        1e-6F);

  std::vector<double> losses;
  const GateParameters final = train_gate_on_batches(data, batches, initial, options, losses);
  const auto expected = g.file.at("losses").as<double>();
  REQUIRE(losses.size() == expected.size());
  for (std::size_t i = 0; i < losses.size(); ++i) {
    INFO("step " << i);
    CHECK(std::abs(losses[i] - expected[i]) <= bounds.loss);
  }
  CHECK(largest_difference(without_noise(final, softmax), without_noise(g.parameters("final."), softmax)) <=
        bounds.parameters);
  CHECK(largest_difference(without_noise(final, softmax), without_noise(initial, softmax)) > bounds.moved);
  compare_scores(score_pairs(final, data, all, softmax, options.temperature, -1), g.floats("scores_after"),
                 5e-4F);
}

}  // namespace

TEST_CASE("100 steps with the softmax over attributes match PyTorch", "[golden]") {
  compare_run("train_attributes", GateSoftmax::attributes, {});
}
TEST_CASE("100 steps with prompts that differ between sides, and weight decay, match PyTorch", "[golden]") {
  compare_run("train_differing_prompts", GateSoftmax::attributes, {});
}
TEST_CASE("100 steps with the softmax over the pair match PyTorch", "[golden]") {
  compare_run("train_over_pair", GateSoftmax::pair, {2e-6, 1e-3F, 0.02F});
}

TEST_CASE("a softmax over a pair with one prompt gives the gate no gradient", "[unit]") {
  const Golden g("train_attributes");
  const auto gradients = [&](GateSoftmax softmax) {
    return gate_gradients(g.data(), g.batches()[0], g.parameters("init."), g.options(softmax));
  };
  const GateParameters d = gradients(GateSoftmax::pair);
  const GateParameters d_attributes = gradients(GateSoftmax::attributes);
  for (std::size_t i = 0; i < d.layers.size(); ++i) {
    INFO("layer " << i);
    const float rounding = 1e-6F * largest(d_attributes.layers[i].weight);
    CHECK(rounding > 0.0F);
    CHECK(largest(d.layers[i].weight) <= rounding);
  }
  CHECK(std::abs(d.logit_scale) > 1e-6F);
}

TEST_CASE("training depends on the seed alone", "[unit]") {
  const Golden g("train_attributes");
  TrainOptions options = g.options(GateSoftmax::attributes);
  options.dropout = 0.3;
  options.n_steps = 20;
  options.batch_size = 8;
  const GateShape shape{g.d, 2, 8, g.k, 1.0};
  std::vector<std::int64_t> rows(static_cast<std::size_t>(g.n));
  std::iota(rows.begin(), rows.end(), 0);
  const auto run = [&](std::uint64_t seed) {
    options.seed = seed;
    return train_gate(g.data(), rows, initial_gate(shape, 1.0, seed), options, {});
  };
  CHECK(largest_difference(run(3), run(3)) == 0.0F);
  CHECK(largest_difference(run(3), run(4)) > 1e-3F);
}

TEST_CASE("initial weights fill PyTorch's default range", "[unit]") {
  const GateParameters gate = initial_gate({64, 1, 128, 19, 10.0}, 5.0, 0);
  CHECK(gate.logit_scale == 5.0F);
  REQUIRE(gate.layers.size() == 2);
  CHECK((gate.layers[0].out == 128 && gate.layers[0].in == 64 && gate.layers[1].out == 19));
  const auto [low, high] = std::minmax_element(gate.layers[0].weight.begin(), gate.layers[0].weight.end());
  CHECK((*low >= -0.125F && *low < -0.124F && *high <= 0.125F && *high > 0.124F));
  const double mean = std::accumulate(gate.layers[0].weight.begin(), gate.layers[0].weight.end(), 0.0) / 8192;
  CHECK(std::abs(mean) < 0.003);  // 4 standard errors
}

TEST_CASE("a gate that is trained beats the uniform gate where the right weights follow the prompt",
          "[unit]") {
  // Attribute 0 decides if the prompt's first coordinate is positive, else attribute 1.
  constexpr std::int64_t n = 400;
  std::vector<float> rewards;
  std::vector<BFloat16> prompts;
  std::uint32_t state = 1;
  const auto uniform = [&state] {
    return static_cast<float>(((state = state * 1664525U + 1013904223U) >> 8) / 16777216.0) * 2 - 1;
  };
  for (std::int64_t i = 0; i < n; ++i) {
    const float kind = i % 2 == 0 ? 1.0F : -1.0F;
    const float good = 1 + uniform() * 0.5F, other = uniform() * 2;
    const std::vector<float> chosen =
        kind > 0 ? std::vector<float>{good, other} : std::vector<float>{other, good};
    const std::vector<float> rejected{0, 0};
    rewards.insert(rewards.end(), chosen.begin(), chosen.end());
    rewards.insert(rewards.end(), rejected.begin(), rejected.end());
    for (const float x : {kind, 0.5F}) prompts.push_back(BFloat16::from_float(x));
  }
  std::vector<std::int64_t> own_prompt(n);
  std::iota(own_prompt.begin(), own_prompt.end(), 0);
  const PairData data{{rewards.data(), n, 2, 4},
                      {rewards.data() + 2, n, 2, 4},
                      {prompts.data(), n, 2},
                      own_prompt,
                      own_prompt};
  std::vector<std::int64_t> train(300), held_out(100);
  std::iota(train.begin(), train.end(), 0);
  std::iota(held_out.begin(), held_out.end(), 300);
  TrainOptions options;
  options.n_steps = 300;
  options.batch_size = 64;
  options.learning_rate = 1e-2;
  options.temperature = 1.0;
  const GateParameters gate = train_gate(data, train, initial_gate({2, 1, 16, 2, 1.0}, 1.0, 0), options, {});
  const PairScores scores = score_pairs(gate, data, held_out, GateSoftmax::attributes, 1.0, -1);
  CHECK(eval::preference_metrics(scores.chosen, scores.rejected).accuracy >= 0.99);
  const PairScores by_uniform_gate = eval::uniform_gate_scores(data, held_out, 1.0F);
  CHECK(eval::preference_metrics(by_uniform_gate.chosen, by_uniform_gate.rejected).accuracy <= 0.9);
}

TEST_CASE("prompts in the blocks of several files train the same gate", "[unit]") {
  const Golden g("train_attributes");
  PairData apart = g.data();
  apart.prompts = {};
  for (std::int64_t first = 0; first < 2 * g.n; first += 5)
    apart.prompts.add({g.prompts.data() + first * g.d, std::min<std::int64_t>(5, 2 * g.n - first), g.d});
  const TrainOptions options = g.options(GateSoftmax::attributes);
  std::vector<double> losses, expected;
  const GateParameters found =
      train_gate_on_batches(apart, g.batches(), g.parameters("init."), options, losses);
  const GateParameters whole =
      train_gate_on_batches(g.data(), g.batches(), g.parameters("init."), options, expected);
  CHECK(losses == expected);
  REQUIRE(found.layers.size() == whole.layers.size());
  for (std::size_t i = 0; i < found.layers.size(); ++i)
    CHECK(found.layers[i].weight == whole.layers[i].weight);
}

TEST_CASE("the weights of both sides make PyTorch's scores of the rewards", "[golden]") {
  for (const auto& [name, softmax] : {std::pair("train_attributes", GateSoftmax::attributes),
                                      std::pair("train_differing_prompts", GateSoftmax::attributes),
                                      std::pair("train_over_pair", GateSoftmax::pair)}) {
    const Golden g(name);
    std::vector<std::int64_t> all(static_cast<std::size_t>(g.n));
    std::iota(all.begin(), all.end(), 0);
    const GateParameters gate = g.parameters("init.");
    const PairGates gates = pair_gates(gate, g.data(), all, softmax, g.options(softmax).temperature, -1);
    REQUIRE(gates.chosen.size() == static_cast<std::size_t>(g.n * g.k));
    PairScores sums;
    for (std::int64_t i = 0; i < g.n; ++i) {
      const auto sum = [&](std::span<const float> weights, std::span<const float> rewards) {
        float total = 0;
        for (std::int64_t k = 0; k < g.k; ++k)
          total += gate.logit_scale * weights[static_cast<std::size_t>(i * g.k + k)] *
                   rewards[static_cast<std::size_t>(k)];
        return total;
      };
      sums.chosen.push_back(sum(gates.chosen, g.data().chosen.row(i)));
      sums.rejected.push_back(sum(gates.rejected, g.data().rejected.row(i)));
    }
    compare_scores(sums, g.floats("scores_before"), 1e-5F);
    compare_scores(gates.scores, g.floats("scores_before"), 1e-5F);
  }
}
