#include "eval/checkpoint_selection.h"

#include <utility>

#include "core/error.h"

namespace armorm::eval {
namespace {

bool better(const PreferenceMetrics& a, const PreferenceMetrics& b) {
  return a.accuracy != b.accuracy ? a.accuracy > b.accuracy : a.loss < b.loss;
}

void check(std::span<const std::int64_t> validation, const SelectionOptions& selection) {
  if (selection.every < 1)
    fail_usage("checkpoints: every {} steps is not valid; give 1 or more", selection.every);
  if (selection.patience < 0)
    fail_usage("checkpoints: a patience of {} is not valid; give 0 (never stop) or more", selection.patience);
  if (validation.empty())
    fail_data("checkpoints: no validation pairs to choose a gate by; give more preference pairs");
}

// One training run that evaluates the gate at intervals and selects one.
class SelectingRun {
 public:
  SelectingRun(const gating::PairData& data, std::span<const std::int64_t> train,
               std::span<const std::int64_t> validation, SelectionProgress start,
               const gating::TrainOptions& options, const SelectionOptions& selection)
      : validation_(validation),
        selection_(selection),
        kept_(std::move(start)),
        trainer_(data, train, kept_.training, options) {}

  bool over() const { return trainer_.done() || stopped_early(); }
  void step(const std::function<void(const gating::StepReport&)>& report) {
    trainer_.step([&](const gating::StepReport& r) {
      kept_.losses.push_back(r);
      if (report) report(r);
    });
    if (trainer_.steps_done() % selection_.every == 0 || trainer_.done()) evaluate();
  }
  SelectionProgress progress() const {
    SelectionProgress now = kept_;
    now.training = trainer_.state();
    return now;
  }
  SelectedGate result() && {
    SelectedGate selected{
        trainer_.gate(), trainer_.steps_done(), {}, std::move(kept_.losses), stopped_early()};
    if (selection_.select == SelectCheckpoint::best && !kept_.curve.empty()) {
      selected.gate = std::move(kept_.best);
      selected.step = kept_.curve[best_look()].step;
    }
    selected.curve = std::move(kept_.curve);
    return selected;
  }

 private:
  std::size_t best_look() const { return static_cast<std::size_t>(kept_.best_look); }
  bool stopped_early() const {
    return selection_.patience > 0 && !trainer_.done() && !kept_.curve.empty() &&
           static_cast<std::int64_t>(kept_.curve.size()) - 1 - kept_.best_look >= selection_.patience;
  }
  void evaluate() {
    const gating::PairScores scores = trainer_.score(validation_);
    kept_.curve.push_back({trainer_.steps_done(), preference_metrics(scores.chosen, scores.rejected)});
    if (kept_.curve.size() > 1 && !better(kept_.curve.back().validation, kept_.curve[best_look()].validation))
      return;
    kept_.best_look = static_cast<std::int64_t>(kept_.curve.size()) - 1;
    if (selection_.select == SelectCheckpoint::best) kept_.best = trainer_.gate();
  }

  std::span<const std::int64_t> validation_;
  SelectionOptions selection_;
  SelectionProgress kept_;
  gating::GateTrainer trainer_;
};

}  // namespace

std::int64_t best_evaluation(std::span<const CheckpointMetrics> curve) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < curve.size(); ++i)
    if (better(curve[i].validation, curve[best].validation)) best = i;
  return static_cast<std::int64_t>(best);
}

SelectedGate train_and_select(const gating::PairData& data, std::span<const std::int64_t> train,
                              std::span<const std::int64_t> validation, SelectionProgress start,
                              const gating::TrainOptions& options, const SelectionOptions& selection,
                              const SelectionHooks& hooks) {
  check(validation, selection);
  SelectingRun run(data, train, validation, std::move(start), options, selection);
  while (!run.over()) {
    run.step(hooks.report);
    if (hooks.between_steps && !run.over()) hooks.between_steps([&run] { return run.progress(); });
  }
  return std::move(run).result();
}

}  // namespace armorm::eval
