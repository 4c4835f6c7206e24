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
#include "gating/shuffle_order.h"
#include "model/current_device.h"

namespace armorm::gating {
namespace {

constexpr std::size_t kEvaluationRows = 4096;  // rows per forward pass
enum Stream : std::uint64_t { kBatches = 1, kDropout = 2 };

template <class Floats>
void append(const at::Tensor& values, Floats& out) {
  const at::Tensor host = values.to(at::kCPU).contiguous();
  out.insert(out.end(), host.const_data_ptr<float>(), host.const_data_ptr<float>() + host.numel());
}

// The gate of some pairs in evaluation mode.
struct Evaluation {
  GateNetwork& network;
  const PairTensors& pairs;
  std::span<const std::int64_t> rows;
  GateSoftmax softmax;
  double temperature;

  std::span<const std::int64_t> block(std::size_t first) const {
    const std::size_t begin = std::min(first, rows.size());
    return rows.subspan(begin, std::min(kEvaluationRows, rows.size() - begin));
  }
  // Calls body(batch, gates) for blocks of rows, in their order.
  template <class Body>
  void for_blocks(const Body& body) const {
    for (std::size_t first = 0; first < rows.size(); first += kEvaluationRows) {
      stop_point();
      pairs.read_ahead(block(first + kEvaluationRows));
      const PairTensors::Batch batch = pairs.gather(block(first));
      body(batch, side_gates(network.forward(batch.prompts, std::nullopt), batch, softmax, temperature));
    }
  }
  void append_scores(const PairTensors::Batch& batch, const SideGates& gates, PairScores& out) const {
    append((gates.chosen * batch.chosen).sum(1) * network.logit_scale(), out.chosen);
    append((gates.rejected * batch.rejected).sum(1) * network.logit_scale(), out.rejected);
  }
  PairScores scores() const {
    PairScores out;
    out.chosen.reserve(rows.size());
    out.rejected.reserve(rows.size());
    for_blocks(
        [&](const PairTensors::Batch& batch, const SideGates& gates) { append_scores(batch, gates, out); });
    return out;
  }
};

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
    if (how.shuffle_window > 0)
      windows.emplace(std::ssize(rows), how.shuffle_window, stream_seed(how.seed, kBatches));
  }
  // The batch of a step, drawn once: when the step before it lets it be read.
  const std::vector<std::int64_t>& batch_of(std::int64_t step) {
    if (batch_step != step) batch = windows ? next_in_order(step) : draw_batch(step);
    batch_step = step;
    return batch;
  }
  void read_ahead(std::int64_t step);

  TrainOptions options;
  std::span<const std::int64_t> rows;
  Training training;
  double loss_sum;
  std::int64_t loss_steps;

 private:
  std::vector<std::int64_t> draw_batch(std::int64_t step) const;
  std::vector<std::int64_t> next_in_order(std::int64_t step);
  void read_windows(std::int64_t begin, std::int64_t end);

  std::optional<ShuffleOrder> windows;
  std::vector<std::int64_t> batch;
  std::int64_t batch_step = -1;
  std::int64_t read_until = -1;  // position up to which windows have been read ahead
};

// Unbiased draws below the number of rows, from a stream of the step's own: the same on every platform, and
// without state between steps.
std::vector<std::int64_t> GateTrainer::Impl::draw_batch(std::int64_t step) const {
  std::mt19937_64 stream(stream_seed(stream_seed(options.seed, kBatches), static_cast<std::uint64_t>(step)));
  const auto n = static_cast<std::uint64_t>(rows.size());
  const std::uint64_t limit = std::mt19937_64::max() - std::mt19937_64::max() % n;
  std::vector<std::int64_t> drawn;
  while (std::ssize(drawn) < options.batch_size)
    if (const std::uint64_t draw = stream(); draw < limit) drawn.push_back(rows[draw % n]);
  return drawn;
}

std::vector<std::int64_t> GateTrainer::Impl::next_in_order(std::int64_t step) {
  std::vector<std::int64_t> next;
  for (std::int64_t i = 0; i < options.batch_size; ++i)
    next.push_back(rows[static_cast<std::size_t>(windows->at(step * options.batch_size + i))]);
  return next;
}

void GateTrainer::Impl::read_windows(std::int64_t begin, std::int64_t end) {
  std::vector<std::int64_t> pairs;
  for (std::int64_t position = begin; position < end; ++position)
    pairs.push_back(rows[static_cast<std::size_t>(windows->fill_at(position))]);
  training.pairs().read_ahead(pairs);
}

// Called before `step`. A window is read while the one before it is used, so much at each step as a step
// uses.
void GateTrainer::Impl::read_ahead(std::int64_t step) {
  if (!windows) {
    if (step + 1 < options.n_steps) training.pairs().read_ahead(batch_of(step + 1));
    return;
  }
  const std::int64_t last = options.n_steps * options.batch_size;
  const std::int64_t until = std::min((step + 1) * options.batch_size + windows->window(), last);
  const bool first_step = read_until < 0;
  if (first_step) read_until = std::max<std::int64_t>(0, step * options.batch_size - windows->window());
  read_windows(std::min(read_until, until), until);
  read_until = until;
}

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
  const std::vector<std::int64_t> batch = t.batch_of(now);
  t.read_ahead(now);
  t.loss_sum += step_on(batch);
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
  return Evaluation{network, impl_->training.pairs(), rows, impl_->options.softmax,
                    impl_->options.temperature}
      .scores();
}

namespace {

// Passes an Evaluation of the gate to `body`.
template <class Body>
void evaluate(const GateParameters& gate, const PairData& data, std::span<const std::int64_t> rows,
              GateSoftmax softmax, double temperature, int device, const Body& body) {
  const c10::InferenceMode no_autograd;
  const at::Device where = gate_device(device);
  const model::CurrentDevice current(where);
  GateNetwork network(gate, where);
  const PairTensors pairs(data, softmax, where);
  body(Evaluation{network, pairs, rows, softmax, temperature});
}

std::size_t weights_of(std::span<const std::int64_t> rows, const PairData& data) {
  return rows.size() * static_cast<std::size_t>(data.chosen.cols);
}

}  // namespace

PairScores score_pairs(const GateParameters& gate, const PairData& data, std::span<const std::int64_t> rows,
                       GateSoftmax softmax, double temperature, int device) {
  PairScores scores;
  evaluate(gate, data, rows, softmax, temperature, device,
           [&](const Evaluation& evaluation) { scores = evaluation.scores(); });
  return scores;
}

PairGates pair_gates(const GateParameters& gate, const PairData& data, std::span<const std::int64_t> rows,
                     GateSoftmax softmax, double temperature, int device, std::pmr::memory_resource* memory) {
  PairGates out{std::pmr::vector<float>(memory), std::pmr::vector<float>(memory), {}};
  out.chosen.reserve(weights_of(rows, data));
  out.rejected.reserve(weights_of(rows, data));
  evaluate(gate, data, rows, softmax, temperature, device, [&](const Evaluation& evaluation) {
    evaluation.for_blocks([&](const PairTensors::Batch& batch, const SideGates& gates) {
      evaluation.append_scores(batch, gates, out.scores);
      append(gates.chosen, out.chosen);
      append(gates.rejected, out.rejected);
    });
  });
  return out;
}

std::pmr::vector<float> gate_weights(const GateParameters& gate, const PairData& data,
                                     std::span<const std::int64_t> rows, double temperature, int device,
                                     std::pmr::memory_resource* memory) {
  std::pmr::vector<float> weights(memory);
  weights.reserve(weights_of(rows, data));
  evaluate(gate, data, rows, GateSoftmax::attributes, temperature, device, [&](const Evaluation& evaluation) {
    evaluation.for_blocks(
        [&](const PairTensors::Batch&, const SideGates& gates) { append(gates.chosen, weights); });
  });
  return weights;
}

}  // namespace armorm::gating
