#include "armorm/eval/checkpoint_selection.h"

#include <utility>

#include "armorm/core/error.h"

namespace armorm {
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

}  // namespace

SelectCheckpoint parse_select(std::string_view text) {
  if (text == "last") return SelectCheckpoint::last;
  if (text == "best") return SelectCheckpoint::best;
  fail_usage("--select: '{}' is unknown; use last or best", text);
}

SelectedGate train_and_select(const PairData& data, std::span<const std::int64_t> train,
                              std::span<const std::int64_t> validation, GateParameters initial,
                              const TrainOptions& options, const SelectionOptions& selection,
                              const std::function<void(const StepReport&)>& report) {
  check(validation, selection);
  SelectedGate result;
  GateParameters best;
  std::size_t best_look = 0;  // index into the curve
  const auto look = [&](std::int64_t step, const GateParameters& gate) {
    const PairScores scores =
        score_pairs(gate, data, validation, options.softmax, options.temperature, options.device);
    result.curve.push_back({step, preference_metrics(scores.chosen, scores.rejected)});
    const std::size_t now = result.curve.size() - 1;
    if (now == 0 || better(result.curve[now].validation, result.curve[best_look].validation)) {
      best_look = now;
      if (selection.select == SelectCheckpoint::best) best = gate;
    }
    result.stopped_early = selection.patience > 0 && step < options.n_steps &&
                           static_cast<std::int64_t>(now - best_look) >= selection.patience;
    return !result.stopped_early;
  };
  result.gate = train_gate(data, train, std::move(initial), options, report, {selection.every, look});
  if (result.curve.empty()) return result;  // no steps: the initial gate
  result.step = result.curve.back().step;
  if (selection.select == SelectCheckpoint::best) {
    result.gate = std::move(best);
    result.step = result.curve[best_look].step;
  }
  return result;
}

}  // namespace armorm
