#include "armorm/gating/trainer.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <random>

#include "armorm/core/error.h"
#include "gating/gate_network.h"

namespace armorm {
namespace {

constexpr std::int64_t kEvaluationRows = 4096;  // per forward pass

at::Device device_of(int index) {
  return index < 0 ? at::Device(at::kCPU) : at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
}

at::Tensor view_of(MatrixView<const float> m) {
  return at::from_blob(const_cast<float*>(m.data), {m.rows, m.cols}, {m.row_stride, 1}, at::kFloat);
}

// The pairs on the device, rows gathered by batch.
class PairTensors {
 public:
  PairTensors(const PairData& data, GateSoftmax softmax, at::Device device)
      : data_(data), softmax_(softmax), device_(device) {
    const std::int64_t d = data.prompts.cols / 2;
    prompts_ = at::from_blob(const_cast<BFloat16*>(data.prompts.data), {data.prompts.rows, 2, d},
                             {data.prompts.row_stride, d, 1}, at::kBFloat16)
                   .to(device);
    chosen_ = view_of(data.chosen).to(device);
    rejected_ = view_of(data.rejected).to(device);
  }

  struct Batch {
    at::Tensor prompts;        // [B + M, D] float32: first sides, then the second sides that need a gate of their own
    at::Tensor second;         // [B] row of `prompts` that holds the second side's gate
    at::Tensor chosen;         // [B, K]
    at::Tensor rejected;       // [B, K]
  };
  Batch gather(std::span<const std::int64_t> rows) const {
    std::vector<std::int64_t> second(rows.size());
    std::vector<std::int64_t> apart;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const bool own = softmax_ == GateSoftmax::pair || data_.prompts_differ[static_cast<std::size_t>(rows[i])];
      second[i] = static_cast<std::int64_t>(own ? rows.size() + apart.size() : i);
      if (own) apart.push_back(rows[i]);
    }
    const at::Tensor index = indices(rows);
    Batch batch;
    batch.prompts = prompts_.select(1, 0).index_select(0, index);
    if (!apart.empty()) batch.prompts = at::cat({batch.prompts, prompts_.select(1, 1).index_select(0, indices(apart))});
    batch.prompts = batch.prompts.to(at::kFloat);
    batch.second = indices(second);
    batch.chosen = chosen_.index_select(0, index);
    batch.rejected = rejected_.index_select(0, index);
    return batch;
  }

 private:
  at::Tensor indices(std::span<const std::int64_t> rows) const {
    return at::from_blob(const_cast<std::int64_t*>(rows.data()), {static_cast<std::int64_t>(rows.size())}, at::kLong)
        .clone()
        .to(device_);
  }
  const PairData& data_;
  GateSoftmax softmax_;
  at::Device device_;
  at::Tensor prompts_, chosen_, rejected_;
};

// The two sides' gates, before logit_scale, [B, K] each.
struct SideGates {
  at::Tensor chosen, rejected;
};

SideGates side_gates(const at::Tensor& logits, const PairTensors::Batch& batch, GateSoftmax softmax, double temperature) {
  const std::int64_t b = batch.second.size(0);
  if (softmax == GateSoftmax::pair) {
    const at::Tensor both = at::stack({logits.slice(0, 0, b), logits.index_select(0, batch.second)}, 1).div(temperature);
    const at::Tensor gates = at::softmax(both, 1);
    return {gates.select(1, 0), gates.select(1, 1)};
  }
  const at::Tensor gates = at::softmax(logits / temperature, 1);
  return {gates.slice(0, 0, b), gates.index_select(0, batch.second)};
}

// d loss / d logits [B + M, K] from the gradients of both sides' gates.
at::Tensor logits_gradient(const at::Tensor& logits, const PairTensors::Batch& batch, const SideGates& gates,
                           const at::Tensor& d_chosen, const at::Tensor& d_rejected, GateSoftmax softmax,
                           double temperature) {
  const std::int64_t b = batch.second.size(0);
  at::Tensor d_logits = at::zeros_like(logits);
  if (softmax == GateSoftmax::pair) {
    const at::Tensor mean = d_chosen * gates.chosen + d_rejected * gates.rejected;
    d_logits.slice(0, 0, b).copy_((d_chosen - mean) * gates.chosen);
    d_logits.index_add_(0, batch.second, (d_rejected - mean) * gates.rejected);
  } else {
    const auto through_softmax = [](const at::Tensor& d, const at::Tensor& g) { return (d - (d * g).sum(1, true)) * g; };
    d_logits.slice(0, 0, b).copy_(through_softmax(d_chosen, gates.chosen));
    d_logits.index_add_(0, batch.second, through_softmax(d_rejected, gates.rejected));
  }
  return d_logits.div_(temperature);
}

class Training {
 public:
  Training(const PairData& data, const GateParameters& initial, const TrainOptions& options)
      : options_(options),
        device_(device_of(options.device)),
        pairs_(data, options.softmax, device_),
        network_(initial, device_),
        optimiser_(network_.tensors(), options.weight_decay),
        dropout_(device_.is_cpu() ? at::detail::createCPUGenerator(stream_seed(options.seed, 2))
                                  : at::globalContext().defaultGenerator(device_).clone()) {
    if (!device_.is_cpu()) dropout_.set_current_seed(stream_seed(options.seed, 2));
  }

  // The batch's mean loss; its gradients in the order of the network's tensors.
  double gradients(std::span<const std::int64_t> rows, std::vector<at::Tensor>& out) {
    const PairTensors::Batch batch = pairs_.gather(rows);
    const at::Tensor logits = network_.forward(batch.prompts, options_.dropout, dropout_);
    const SideGates gates = side_gates(logits, batch, options_.softmax, options_.temperature);
    const at::Tensor raw = (gates.chosen * batch.chosen - gates.rejected * batch.rejected).sum(1);
    const at::Tensor difference = raw * network_.logit_scale();
    const at::Tensor d_difference = -at::sigmoid(-difference) / static_cast<double>(rows.size());
    const at::Tensor d_raw = (d_difference * network_.logit_scale()).unsqueeze(1);
    const at::Tensor d_logits = logits_gradient(logits, batch, gates, d_raw * batch.chosen, -d_raw * batch.rejected,
                                                options_.softmax, options_.temperature);
    out = network_.backward(d_logits, (d_difference * raw).sum());
    return at::softplus(-difference).mean().item<double>();
  }

  // One optimiser step; the batch's mean loss.
  double step(std::span<const std::int64_t> rows, double learning_rate) {
    std::vector<at::Tensor> d;
    const double loss = gradients(rows, d);
    optimiser_.step(network_.tensors(), d, learning_rate);
    return loss;
  }
  float logit_scale() const { return network_.logit_scale().item<float>(); }
  GateParameters parameters() const { return network_.parameters(); }

 private:
  const TrainOptions& options_;
  at::Device device_;
  PairTensors pairs_;
  GateNetwork network_;
  AdamW optimiser_;
  at::Generator dropout_;
};

// Unbiased draws below n from a 64-bit stream, the same on every platform.
std::vector<std::int64_t> draw_batch(std::mt19937_64& stream, std::span<const std::int64_t> rows, std::int64_t size) {
  const auto n = static_cast<std::uint64_t>(rows.size());
  const std::uint64_t limit = std::mt19937_64::max() - std::mt19937_64::max() % n;
  std::vector<std::int64_t> batch;
  while (static_cast<std::int64_t>(batch.size()) < size)
    if (const std::uint64_t draw = stream(); draw < limit) batch.push_back(rows[draw % n]);
  return batch;
}

}  // namespace

GateParameters train_gate(const PairData& data, std::span<const std::int64_t> rows, GateParameters initial,
                          const TrainOptions& options, const std::function<void(const StepReport&)>& report,
                          const Checkpoints& checkpoints) {
  if (rows.empty()) fail_data("gate: no training pairs");
  const c10::InferenceMode no_autograd;
  Training training(data, initial, options);
  std::mt19937_64 stream(stream_seed(options.seed, 1));
  double loss = 0.0;
  std::int64_t counted = 0;
  for (std::int64_t step = 0; step < options.n_steps; ++step) {
    const double learning_rate = cosine_learning_rate(options.learning_rate, step, options.n_steps);
    loss += training.step(draw_batch(stream, rows, options.batch_size), learning_rate);
    ++counted;
    const bool last = step + 1 == options.n_steps;
    if ((step + 1) % options.log_every == 0 || last) {
      if (report) report({step + 1, loss / static_cast<double>(counted), learning_rate, training.logit_scale()});
      loss = 0.0;
      counted = 0;
    }
    if (checkpoints.every > 0 && ((step + 1) % checkpoints.every == 0 || last) &&
        !checkpoints.visit(step + 1, training.parameters()))
      break;
  }
  return training.parameters();
}

GateParameters train_gate_on_batches(const PairData& data, const std::vector<std::vector<std::int64_t>>& batches,
                                     GateParameters initial, const TrainOptions& options, std::vector<double>* losses) {
  const c10::InferenceMode no_autograd;
  Training training(data, initial, options);
  for (std::size_t step = 0; step < batches.size(); ++step) {
    const double loss = training.step(batches[step], cosine_learning_rate(options.learning_rate, static_cast<std::int64_t>(step),
                                                                          options.n_steps));
    if (losses != nullptr) losses->push_back(loss);
  }
  return training.parameters();
}

GateParameters gate_gradients(const PairData& data, std::span<const std::int64_t> batch, const GateParameters& gate,
                              const TrainOptions& options) {
  const c10::InferenceMode no_autograd;
  Training training(data, gate, options);
  std::vector<at::Tensor> gradients;
  training.gradients(batch, gradients);
  return to_parameters(gradients);
}

PairGates pair_gates(const GateParameters& gate, const PairData& data, std::span<const std::int64_t> rows,
                     GateSoftmax softmax, double temperature, int device) {
  const c10::InferenceMode no_autograd;
  const PairTensors pairs(data, softmax, device_of(device));
  GateNetwork network(gate, device_of(device));
  PairGates out;
  const auto append = [](const at::Tensor& values, std::vector<float>& to) {
    const at::Tensor flat = values.to(at::kCPU).contiguous();
    to.insert(to.end(), flat.const_data_ptr<float>(), flat.const_data_ptr<float>() + flat.numel());
  };
  for (std::size_t first = 0; first < rows.size(); first += kEvaluationRows) {
    const PairTensors::Batch batch = pairs.gather(rows.subspan(first, std::min<std::size_t>(kEvaluationRows, rows.size() - first)));
    const SideGates gates = side_gates(network.forward(batch.prompts, 0.0, std::nullopt), batch, softmax, temperature);
    append((gates.chosen * batch.chosen).sum(1) * network.logit_scale(), out.scores.chosen);
    append((gates.rejected * batch.rejected).sum(1) * network.logit_scale(), out.scores.rejected);
    append(gates.chosen, out.chosen);
    append(gates.rejected, out.rejected);
  }
  return out;
}

PairScores score_pairs(const GateParameters& gate, const PairData& data, std::span<const std::int64_t> rows,
                       GateSoftmax softmax, double temperature, int device) {
  return pair_gates(gate, data, rows, softmax, temperature, device).scores;
}

std::vector<float> gate_weights(const GateParameters& gate, const PairData& data, std::span<const std::int64_t> rows,
                                double temperature, int device) {
  return pair_gates(gate, data, rows, GateSoftmax::attributes, temperature, device).chosen;
}

}  // namespace armorm
