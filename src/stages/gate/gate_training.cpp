#include "stages/gate/gate_training.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/stop_point.h"
#include "core/version.h"
#include "model/compute_threads.h"
#include "stages/options/declarations.h"
#include "stages/resume/resume_key.h"

namespace armorm::stages::gate {
namespace {

// With less arithmetic per step, threads wait for each other longer than they work.
constexpr double kMinStepFlopsPerThread = 4e8;
constexpr std::int64_t kReportsPerRun = 20;

gating::TrainOptions train_options(const Stage2TrainOptions& options, std::int64_t seed) {
  gating::TrainOptions train;
  train.learning_rate = options.learning_rate;
  train.weight_decay = options.weight_decay;
  train.n_steps = options.n_steps;
  train.batch_size = options.batch_size;
  train.shuffle_window = options.shuffle_window;
  train.dropout = options.dropout;
  train.softmax = softmax_of(options);
  train.precision = options.precision;
  train.temperature = options.temperature;
  train.seed = static_cast<std::uint64_t>(seed);
  train.device = static_cast<int>(options.device);
  train.log_every = std::max<std::int64_t>(1, options.n_steps / kReportsPerRun);
  return train;
}

GateRun run_of(std::int64_t seed, eval::SelectedGate selected) {
  GateRun run{seed, std::move(selected), {}};
  const auto kept =
      std::find_if(run.selected.curve.begin(), run.selected.curve.end(),
                   [&](const eval::CheckpointMetrics& c) { return c.step == run.selected.step; });
  if (kept == run.selected.curve.end())
    fail_internal("gate: there is no evaluation after step {}", run.selected.step);
  run.kept = *kept;
  return run;
}

std::vector<const eval::SelectedGate*> done_in(const std::vector<GateRun>& runs) {
  std::vector<const eval::SelectedGate*> done;
  for (const GateRun& run : runs) done.push_back(&run.selected);
  return done;
}

class SeedRuns {
 public:
  SeedRuns(const Stage2TrainOptions& options, const gating::GateShape& shape, const gating::PairData& pairs,
           std::span<const std::int64_t> train, std::span<const std::int64_t> validation,
           GateCheckpoint& checkpoint)
      : options_(options),
        shape_(shape),
        pairs_(pairs),
        train_(train),
        validation_(validation),
        checkpoint_(checkpoint) {}

  std::vector<GateRun> run() {
    SeedsTrained before = checkpoint_.take_over(plan());
    for (eval::SelectedGate& done : before.done) runs_.push_back(run_of(next_seed(), std::move(done)));
    if (before.current || !runs_.empty())
      log::info("resuming an interrupted training: {} of {} seeds are done, {} steps of the next",
                runs_.size(), options_.seeds, before.current ? before.current->training.step : 0);
    const SavingWork saving;
    while (static_cast<std::int64_t>(runs_.size()) < options_.seeds) {
      const std::int64_t seed = next_seed();
      if (options_.seeds > 1) log::info("seed {} ({} of {})", seed, runs_.size() + 1, options_.seeds);
      runs_.push_back(
          run_of(seed, train_one(seed, before.current ? std::move(*before.current) : from_scratch(seed))));
      before.current.reset();
      checkpoint_.save(done_in(runs_), nullptr);
    }
    return std::move(runs_);
  }

 private:
  TrainingPlan plan() const {
    return {shape_, selection(), options_.n_steps, train_options(options_, options_.seed).log_every,
            options_.seeds};
  }
  eval::SelectionOptions selection() const {
    return {options_.select, options_.eval_every, options_.patience};
  }
  std::int64_t next_seed() const { return options_.seed + static_cast<std::int64_t>(runs_.size()); }
  eval::SelectionProgress from_scratch(std::int64_t seed) const {
    eval::SelectionProgress start;
    start.training.gate =
        gating::initial_gate(shape_, options_.logit_scale, static_cast<std::uint64_t>(seed));
    return start;
  }
  eval::SelectedGate train_one(std::int64_t seed, eval::SelectionProgress start) {
    const auto report = [&](const gating::StepReport& r) {
      log::info("step {}/{}: loss {:.4f}, learning rate {:.2e}, logit scale {:.3f}", r.step, options_.n_steps,
                r.loss, r.learning_rate, r.logit_scale);
    };
    const auto keep = [&](const std::function<eval::SelectionProgress()>& progress) {
      checkpoint_.between_steps(done_in(runs_), progress);
    };
    // A stop is handled between the steps alone, where the state can be saved.
    const StopScope none{StopRequested()};
    eval::SelectedGate selected =
        eval::train_and_select(pairs_, train_, validation_, std::move(start), train_options(options_, seed),
                               selection(), {report, keep});
    if (selected.stopped_early)
      log::info("no better gate in {} evaluations: stopped after step {}", options_.patience,
                selected.curve.back().step);
    return selected;
  }

  const Stage2TrainOptions& options_;
  const gating::GateShape& shape_;
  const gating::PairData& pairs_;
  std::span<const std::int64_t> train_, validation_;
  GateCheckpoint& checkpoint_;
  std::vector<GateRun> runs_;
};

std::string digest_of_rows(MatrixView<const float> m) {
  Sha256 hash;
  hash.update(fmt::format("{} x {}:", m.rows, m.cols));
  for (std::int64_t r = 0; r < m.rows; ++r) {
    stop_point();
    hash.update(std::as_bytes(m.row(r)));
  }
  return hash.hex();
}

// Of each pair's prompts, without one that both sides share.
std::string digest_of_prompts(const gating::PairData& pairs) {
  Sha256 hash;
  hash.update(fmt::format("{} x {}:", pairs.prompts.rows(), pairs.prompts.cols()));
  for (std::size_t i = 0; i < pairs.chosen_prompt.size(); ++i) {
    stop_point();
    hash.update(std::as_bytes(pairs.prompts.row(pairs.chosen_prompt[i])));
    if (pairs.rejected_prompt[i] != pairs.chosen_prompt[i])
      hash.update(std::as_bytes(pairs.prompts.row(pairs.rejected_prompt[i])));
  }
  return hash.hex();
}

std::string digest_of_pairing(const gating::PairData& pairs) {
  Sha256 hash;
  hash.update(fmt::format("{} + {}:", pairs.chosen_prompt.size(), pairs.rejected_prompt.size()));
  hash.update(std::as_bytes(pairs.chosen_prompt));
  hash.update(std::as_bytes(pairs.rejected_prompt));
  return hash.hex();
}

template <class Value>
report::MeanAndDeviation summarise(const std::vector<GateRun>& runs, const Value& value) {
  const auto n = static_cast<double>(runs.size());
  report::MeanAndDeviation s{0.0, 0.0};
  for (const GateRun& run : runs) s.mean += value(run) / n;
  for (const GateRun& run : runs)
    s.deviation += (value(run) - s.mean) * (value(run) - s.mean) / std::max(n - 1.0, 1.0);
  s.deviation = std::sqrt(s.deviation);
  return s;
}

double accuracy_of(const GateRun& run) { return run.kept.validation.accuracy; }
double loss_of(const GateRun& run) { return run.kept.validation.loss; }

report::TrainingRun figures_of(const GateRun& run) {
  report::TrainingRun figures{
      run.seed, run.kept.step, accuracy_of(run), loss_of(run), {}, {}, run.selected.stopped_early};
  for (const gating::StepReport& r : run.selected.losses)
    figures.train.push_back({r.step, r.loss, r.learning_rate, r.logit_scale});
  for (const eval::CheckpointMetrics& look : run.selected.curve)
    figures.validation.push_back({look.step, look.validation.accuracy, look.validation.loss});
  return figures;
}

}  // namespace

gating::GateSoftmax softmax_of(const Stage2TrainOptions& options) {
  return options.compat == Compat::upstream ? gating::GateSoftmax::pair : gating::GateSoftmax::attributes;
}

int training_threads(const Stage2TrainOptions& options, const gating::GateShape& shape) {
  if (options.threads > 0) return static_cast<int>(options.threads);
  const double hidden = static_cast<double>(shape.hidden_size);
  const double weights = shape.n_hidden == 0
                             ? static_cast<double>(shape.input_size * shape.n_attributes)
                             : hidden * static_cast<double>(shape.input_size + shape.n_attributes) +
                                   hidden * hidden * static_cast<double>(shape.n_hidden - 1);
  const double flops =
      6.0 * weights * static_cast<double>(options.batch_size);  // forward, and twice as much backward
  const auto useful = static_cast<int>(std::max(1.0, flops / kMinStepFlopsPerThread));
  return std::min(useful, default_thread_count());
}

std::vector<GateRun> train_gates(const Stage2TrainOptions& options, const gating::GateShape& shape,
                                 const gating::PairData& pairs, std::span<const std::int64_t> train,
                                 std::span<const std::int64_t> validation, GateCheckpoint& checkpoint) {
  if (options.device < 0) model::set_compute_threads(training_threads(options, shape));
  return SeedRuns(options, shape, pairs, train, validation, checkpoint).run();
}

resume::ResumeKey training_key(const Stage2TrainOptions& options, const gating::PairData& pairs) {
  const int threads = thread_count(options.threads);
  resume::ResumeKey key{{kFormatKey, kFormat},
                        {"program version", version_text()},
                        {"rewards of the chosen", digest_of_rows(pairs.chosen)},
                        {"rewards of the rejected", digest_of_rows(pairs.rejected)},
                        {"prompt embeddings", digest_of_prompts(pairs)},
                        {"prompts of the pairs", digest_of_pairing(pairs)}};
  key.merge(resume::arithmetic_key(static_cast<int>(options.device), threads));
  key.merge(resume::options_key(options::describe(options)));
  return key;
}

const GateRun& best_run(const std::vector<GateRun>& runs) {
  return *std::max_element(runs.begin(), runs.end(), [](const GateRun& a, const GateRun& b) {
    return accuracy_of(a) != accuracy_of(b) ? accuracy_of(a) < accuracy_of(b) : loss_of(a) > loss_of(b);
  });
}

report::TrainingFigures training_figures(const std::vector<GateRun>& runs) {
  report::TrainingFigures figures;
  for (const GateRun& run : runs) figures.runs.push_back(figures_of(run));
  figures.kept = static_cast<std::size_t>(&best_run(runs) - runs.data());
  figures.accuracy = summarise(runs, accuracy_of);
  figures.loss = summarise(runs, loss_of);
  return figures;
}

}  // namespace armorm::stages::gate
