#include "stages/gate_training.h"

#include <algorithm>
#include <cmath>

#include "armorm/core/log.h"
#include "armorm/core/parallel.h"
#include "armorm/core/text_table.h"
#include "armorm/model/compute_threads.h"
#include "stages/json_values.h"

namespace armorm {
namespace {

using nlohmann::json;

// Below this much arithmetic in a step, threads wait for each other longer than they work.
constexpr double kMinStepFlopsPerThread = 4e8;
constexpr std::int64_t kReportsPerRun = 20;

void set_training_threads(const Stage2TrainOptions& options, const GateShape& shape) {
  if (options.threads > 0 || options.device >= 0) return;
  const double hidden = static_cast<double>(shape.hidden_size);
  const double weights = shape.n_hidden == 0 ? static_cast<double>(shape.input_size * shape.n_attributes)
                                             : hidden * static_cast<double>(shape.input_size + shape.n_attributes) +
                                                   hidden * hidden * static_cast<double>(shape.n_hidden - 1);
  const double flops = 6.0 * weights * static_cast<double>(options.batch_size);  // forward, and twice that backward
  const auto useful = static_cast<int>(std::max(1.0, flops / kMinStepFlopsPerThread));
  set_compute_threads(std::min(useful, default_thread_count()));
}

TrainOptions train_options(const Stage2TrainOptions& options, std::int64_t seed) {
  TrainOptions train;
  train.learning_rate = options.learning_rate;
  train.weight_decay = options.weight_decay;
  train.n_steps = options.n_steps;
  train.batch_size = options.batch_size;
  train.dropout = options.dropout;
  train.softmax = softmax_of(options);
  train.temperature = options.temperature;
  train.seed = static_cast<std::uint64_t>(seed);
  train.device = static_cast<int>(options.device);
  train.log_every = std::max<std::int64_t>(1, options.n_steps / kReportsPerRun);
  return train;
}

GateRun train_one(const Stage2TrainOptions& options, const GateShape& shape, const PairData& pairs,
                  std::span<const std::int64_t> train, std::span<const std::int64_t> validation, std::int64_t seed) {
  GateRun run;
  run.seed = seed;
  const TrainOptions how = train_options(options, seed);
  run.selected = train_and_select(pairs, train, validation, initial_gate(shape, options.logit_scale, how.seed), how,
                                  {parse_select(options.select), options.eval_every, options.patience},
                                  [&](const StepReport& r) {
                                    log::info("step {}/{}: loss {:.4f}, learning rate {:.2e}, logit scale {:.3f}", r.step,
                                              options.n_steps, r.loss, r.learning_rate, r.logit_scale);
                                    run.losses.push_back(r);
                                  });
  run.kept = *std::find_if(run.selected.curve.begin(), run.selected.curve.end(),
                           [&](const CheckpointMetrics& look) { return look.step == run.selected.step; });
  if (run.selected.stopped_early)
    log::info("no better gate in {} looks: stopped after step {}", options.patience, run.selected.curve.back().step);
  return run;
}

struct Summary {
  double mean = 0.0;
  double deviation = 0.0;
};

template <class Value>
Summary summarise(const std::vector<GateRun>& runs, const Value& value) {
  const auto n = static_cast<double>(runs.size());
  Summary s;
  for (const GateRun& run : runs) s.mean += value(run) / n;
  for (const GateRun& run : runs) s.deviation += (value(run) - s.mean) * (value(run) - s.mean) / std::max(n - 1.0, 1.0);
  s.deviation = std::sqrt(s.deviation);
  return s;
}

double accuracy_of(const GateRun& run) { return run.kept.validation.accuracy; }
double loss_of(const GateRun& run) { return run.kept.validation.loss; }

}  // namespace

GateSoftmax softmax_of(const Stage2TrainOptions& options) {
  return options.compat == "upstream" ? GateSoftmax::pair : GateSoftmax::attributes;
}

std::vector<GateRun> train_gates(const Stage2TrainOptions& options, const GateShape& shape, const PairData& pairs,
                                 std::span<const std::int64_t> train, std::span<const std::int64_t> validation) {
  set_training_threads(options, shape);
  std::vector<GateRun> runs;
  for (std::int64_t i = 0; i < options.seeds; ++i) {
    if (options.seeds > 1) log::info("seed {} ({} of {})", options.seed + i, i + 1, options.seeds);
    runs.push_back(train_one(options, shape, pairs, train, validation, options.seed + i));
  }
  return runs;
}

const GateRun& best_run(const std::vector<GateRun>& runs) {
  return *std::max_element(runs.begin(), runs.end(), [](const GateRun& a, const GateRun& b) {
    return accuracy_of(a) != accuracy_of(b) ? accuracy_of(a) < accuracy_of(b) : loss_of(a) > loss_of(b);
  });
}

std::string seeds_table(const std::vector<GateRun>& runs) {
  if (runs.size() < 2) return "";
  TextTable table({"seed", "step", "accuracy", "loss"});
  for (const GateRun& run : runs)
    table.add({fmt::format("{}{}", run.seed, &run == &best_run(runs) ? " (kept)" : ""), std::to_string(run.kept.step),
               fmt::format("{:.2f} %", 100 * accuracy_of(run)), fmt::format("{:.4f}", loss_of(run))});
  const Summary accuracy = summarise(runs, accuracy_of);
  const Summary loss = summarise(runs, loss_of);
  table.add({"mean", "", fmt::format("{:.2f} %", 100 * accuracy.mean), fmt::format("{:.4f}", loss.mean)});
  table.add({"standard deviation", "", fmt::format("{:.2f} %", 100 * accuracy.deviation), fmt::format("{:.4f}", loss.deviation)});
  return table.str();
}

json seeds_json(const std::vector<GateRun>& runs) {
  json list = json::array();
  for (const GateRun& run : runs)
    list.push_back({{"seed", run.seed}, {"step", run.kept.step}, {"accuracy", accuracy_of(run)}, {"loss", json_number(loss_of(run))},
                    {"training", curve_json(run)}});
  const Summary accuracy = summarise(runs, accuracy_of);
  const Summary loss = summarise(runs, loss_of);
  return {{"runs", list},
          {"kept", best_run(runs).seed},
          {"accuracy", {{"mean", accuracy.mean}, {"deviation", accuracy.deviation}}},
          {"loss", {{"mean", json_number(loss.mean)}, {"deviation", json_number(loss.deviation)}}}};
}

json curve_json(const GateRun& run) {
  json losses = json::array();
  for (const StepReport& r : run.losses)
    losses.push_back({{"step", r.step}, {"loss", json_number(r.loss)}, {"learning_rate", r.learning_rate}, {"logit_scale", r.logit_scale}});
  json looks = json::array();
  for (const CheckpointMetrics& look : run.selected.curve)
    looks.push_back({{"step", look.step}, {"accuracy", look.validation.accuracy}, {"loss", json_number(look.validation.loss)}});
  return {{"train", losses}, {"validation", looks}, {"kept_step", run.kept.step}, {"stopped_early", run.selected.stopped_early}};
}

}  // namespace armorm
