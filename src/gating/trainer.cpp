#include "gating/trainer.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <optional>
#include <random>
#include <utility>

#include "core/error.h"
#include "core/stop_point.h"
#include "gating/adamw.h"
#include "gating/gate_network.h"
#include "gating/pair_tensors.h"
#include "model/current_device.h"

namespace armorm::gating {
namespace {

constexpr std::size_t kEvaluationRows = 4096;  // rows per forward pass
enum Stream : std::uint64_t { kBatches = 1, kDropout = 2 };

// Unbiased draws below the number of rows, from a stream of the step's own: the same on every platform, and
// without state between steps.
std::vector<std::int64_t> draw_batch(std::uint64_t seed, std::int64_t step,
                                     std::span<const std::int64_t> rows, std::int64_t size) {
  std::mt19937_64 stream(stream_seed(stream_seed(seed, kBatches), static_cast<std::uint64_t>(step)));
  const auto n = static_cast<std::uint64_t>(rows.size());
  const std::uint64_t limit = std::mt19937_64::max() - std::mt19937_64::max() % n;
  std::vector<std::int64_t> batch;
  while (static_cast<std::int64_t>(batch.size()) < size)
    if (const std::uint64_t draw = stream(); draw < limit) batch.push_back(rows[draw % n]);
  return batch;
}

void append(const at::Tensor& values, std::vector<float>& out) {
  const at::Tensor host = values.to(at::kCPU).contiguous();
  out.insert(out.end(), host.const_data_ptr<float>(), host.const_data_ptr<float>() + host.numel());
}

// Gates in evaluation mode.
PairGates gates_with(GateNetwork& network, const PairTensors& pairs, std::span<const std::int64_t> rows,
                     GateSoftmax softmax, double temperature) {
  PairGates out;
  for (std::size_t first = 0; first < rows.size(); first += kEvaluationRows) {
    stop_point();
    const PairTensors::Batch batch =
        pairs.gather(rows.subspan(first, std::min(kEvaluationRows, rows.size() - first)));
    const SideGates gates =
        side_gates(network.forward(batch.prompts, std::nullopt), batch, softmax, temperature);
    append((gates.chosen * batch.chosen).sum(1) * network.logit_scale(), out.scores.chosen);
    append((gates.rejected * batch.rejected).sum(1) * network.logit_scale(), out.scores.rejected);
    append(gates.chosen, out.chosen);
    append(gates.rejected, out.rejected);
  }
  return out;
}

// A network, its pairs and the loss; runs one step at a time.
class Training {
 public:
  Training(const PairData& data, const GateParameters& initial, const TrainOptions& options)
      : options_(options),
        device_(gate_device(options.device)),
        pairs_(data, options.softmax, device_),
        network_(initial, device_, options.precision),
        optimiser_(network_.tensors(), options.weight_decay) {}

  // Returns the batch's mean loss, and its gradients in the order of the network's tensors.
  double gradients(std::span<const std::int64_t> rows, std::vector<at::Tensor>& out) {
    const PairTensors::Batch batch = pairs_.gather(rows);
    const std::uint64_t seed =
        stream_seed(stream_seed(options_.seed, kDropout), static_cast<std::uint64_t>(optimiser_.steps()));
    const at::Tensor logits = network_.forward(batch.prompts, DropoutStream{options_.dropout, seed});
    const SideGates gates = side_gates(logits, batch, options_.softmax, options_.temperature);
    const at::Tensor raw = (gates.chosen * batch.chosen - gates.rejected * batch.rejected).sum(1);
    const at::Tensor difference = raw * network_.logit_scale();
    const at::Tensor d_difference = -at::sigmoid(-difference) / static_cast<double>(rows.size());
    const at::Tensor d_raw = (d_difference * network_.logit_scale()).unsqueeze(1);
    const at::Tensor d_logits =
        logits_gradient(logits, batch, gates, d_raw * batch.chosen, -d_raw * batch.rejected, options_.softmax,
                        options_.temperature);
    out = network_.backward(d_logits, (d_difference * raw).sum());
    return at::softplus(-difference).mean().item<double>();
  }

  double step(std::span<const std::int64_t> rows) {
    std::vector<at::Tensor> d;
    const double loss = gradients(rows, d);
    optimiser_.step(network_.tensors(), d, learning_rate());
    return loss;
  }

  void restore(const TrainingState& state) {
    if (state.step > 0)
      optimiser_.restore(state.step, to_tensors(state.first_moment, device_),
                         to_tensors(state.second_moment, device_));
  }
  TrainingState state() const {
    return {optimiser_.steps(),
            network_.parameters(),
            to_parameters(optimiser_.first_moment()),
            to_parameters(optimiser_.second_moment()),
            0.0,
            0};
  }
  // Learning rate of the next step.
  double learning_rate() const {
    return cosine_learning_rate(options_.learning_rate, optimiser_.steps(), options_.n_steps);
  }
  std::int64_t steps() const { return optimiser_.steps(); }
  at::Device device() const { return device_; }
  GateParameters parameters() const { return network_.parameters(); }
  const GateNetwork& network() const { return network_; }
  const PairTensors& pairs() const { return pairs_; }

 private:
  TrainOptions options_;
  at::Device device_;
  PairTensors pairs_;
  GateNetwork network_;
  AdamW optimiser_;
};

}  // namespace

struct GateTrainer::Impl {
  Impl(const PairData& data, std::span<const std::int64_t> rows_given, const TrainingState& start,
       const TrainOptions& how)
      : options(how),
        rows(rows_given),
        training(data, start.gate, how),
        loss_sum(start.loss_sum),
        loss_steps(start.loss_steps) {
    training.restore(start);
  }
  TrainOptions options;
  std::span<const std::int64_t> rows;
  Training training;
  double loss_sum;
  std::int64_t loss_steps;
};

GateTrainer::GateTrainer(const PairData& data, std::span<const std::int64_t> rows, const TrainingState& start,
                         const TrainOptions& options) {
  if (rows.empty()) fail_data("gate: no training pairs");
  const c10::InferenceMode no_autograd;
  const model::CurrentDevice current(gate_device(options.device));
  impl_ = std::make_unique<Impl>(data, rows, start, options);
}
GateTrainer::~GateTrainer() {
  model::release_on(impl_->training.device(), [this] { impl_.reset(); });
}

std::int64_t GateTrainer::steps_done() const { return impl_->training.steps(); }
bool GateTrainer::done() const { return steps_done() >= impl_->options.n_steps; }

void GateTrainer::step(const std::function<void(const StepReport&)>& report) {
  Impl& t = *impl_;
  const model::CurrentDevice current(t.training.device());
  const double learning_rate = t.training.learning_rate();
  const std::int64_t now = steps_done();
  const auto batch_of = [&t](std::int64_t step) {
    return draw_batch(t.options.seed, step, t.rows, t.options.batch_size);
  };
  if (now + 1 < t.options.n_steps) t.training.pairs().read_ahead(batch_of(now + 1));
  t.loss_sum += step_on(batch_of(now));
  ++t.loss_steps;
  if (steps_done() % t.options.log_every != 0 && !done()) return;
  if (report)
    report({steps_done(), t.loss_sum / static_cast<double>(t.loss_steps), learning_rate,
            t.training.network().logit_scale().item<float>()});
  t.loss_sum = 0.0;
  t.loss_steps = 0;
}

double GateTrainer::step_on(std::span<const std::int64_t> batch) {
  const c10::InferenceMode no_autograd;
  const model::CurrentDevice current(impl_->training.device());
  return impl_->training.step(batch);
}

GateParameters GateTrainer::gate() const {
  const model::CurrentDevice current(impl_->training.device());
  return impl_->training.parameters();
}

TrainingState GateTrainer::state() const {
  const c10::InferenceMode no_autograd;
  const model::CurrentDevice current(impl_->training.device());
  TrainingState state = impl_->training.state();
  state.loss_sum = impl_->loss_sum;
  state.loss_steps = impl_->loss_steps;
  return state;
}

PairScores GateTrainer::score(std::span<const std::int64_t> rows) const {
  const c10::InferenceMode no_autograd;
  const model::CurrentDevice current(impl_->training.device());
  GateNetwork network = impl_->training.network().in_float32();
  return gates_with(network, impl_->training.pairs(), rows, impl_->options.softmax,
                    impl_->options.temperature)
      .scores;
}

PairGates pair_gates(const GateParameters& gate, const PairData& data, std::span<const std::int64_t> rows,
                     GateSoftmax softmax, double temperature, int device) {
  const c10::InferenceMode no_autograd;
  const at::Device where = gate_device(device);
  const model::CurrentDevice current(where);
  GateNetwork network(gate, where);
  return gates_with(network, PairTensors(data, softmax, where), rows, softmax, temperature);
}

PairScores score_pairs(const GateParameters& gate, const PairData& data, std::span<const std::int64_t> rows,
                       GateSoftmax softmax, double temperature, int device) {
  return pair_gates(gate, data, rows, softmax, temperature, device).scores;
}

std::vector<float> gate_weights(const GateParameters& gate, const PairData& data,
                                std::span<const std::int64_t> rows, double temperature, int device) {
  return pair_gates(gate, data, rows, GateSoftmax::attributes, temperature, device).chosen;
}

}  // namespace armorm::gating
