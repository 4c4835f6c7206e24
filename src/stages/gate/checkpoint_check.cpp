#include "stages/gate/checkpoint_check.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.h"

namespace armorm::stages::gate {
namespace {

template <class Found, class Expected>
void require_equal(const char* what, const Found& found, const Expected& expected) {
  if (found != expected) fail_data("{} is {}, expected {}", what, found, expected);
}

void require_between(const char* what, std::int64_t found, std::int64_t least, std::int64_t most) {
  if (found < least || found > most) fail_data("{} is {}, expected {} to {}", what, found, least, most);
}

void check_layer(const char* what, const gating::GateLayer& layer, std::int64_t out, std::int64_t in) {
  if (layer.out != out || layer.in != in)
    fail_data("{}: found a layer of shape [{}, {}], expected [{}, {}]", what, layer.out, layer.in, out, in);
}

void check_shape(const char* what, const gating::GateParameters& gate, const gating::GateShape& shape) {
  const std::int64_t last = shape.n_hidden;
  require_equal(fmt::format("{}: the number of layers", what).c_str(), std::ssize(gate.layers), last + 1);
  for (std::int64_t i = 0; i <= last; ++i)
    check_layer(what, gate.layers[static_cast<std::size_t>(i)],
                i == last ? shape.n_attributes : shape.hidden_size,
                i == 0 ? shape.input_size : shape.hidden_size);
}

void check_not_negative(const char* what, const gating::GateParameters& moment) {
  const auto negative = [](float v) { return v < 0.0F; };
  bool any = negative(moment.logit_scale);
  for (const gating::GateLayer& layer : moment.layers)
    any = any || std::any_of(layer.weight.begin(), layer.weight.end(), negative) ||
          std::any_of(layer.bias.begin(), layer.bias.end(), negative);
  if (any) fail_data("{}: found a negative value; it is a mean of squares", what);
}

// Entries come every `every` steps and after the last step of the training.
template <class Entry>
void check_steps(const char* what, const std::vector<Entry>& entries, std::int64_t every,
                 std::int64_t steps_done, std::int64_t n_steps) {
  const std::int64_t regular = steps_done / every;
  const bool at_end = steps_done == n_steps && steps_done % every != 0;
  require_equal(fmt::format("{}: the number of entries", what).c_str(), std::ssize(entries),
                regular + (at_end ? 1 : 0));
  for (std::int64_t i = 0; i < std::ssize(entries); ++i)
    require_equal(fmt::format("{}: the step of entry {}", what, i).c_str(),
                  entries[static_cast<std::size_t>(i)].step, i < regular ? (i + 1) * every : n_steps);
}

void check_curve(const std::vector<eval::CheckpointMetrics>& curve, std::int64_t steps_done,
                 const TrainingPlan& plan) {
  check_steps("curve", curve, plan.selection.every, steps_done, plan.n_steps);
  for (const eval::CheckpointMetrics& c : curve)
    if (!(c.validation.accuracy >= 0.0 && c.validation.accuracy <= 1.0))
      fail_data("curve: accuracy {} after step {}, expected 0 to 1", c.validation.accuracy, c.step);
}

void check_losses(const std::vector<gating::StepReport>& losses, std::int64_t steps_done,
                  const TrainingPlan& plan) {
  check_steps("losses", losses, plan.log_every, steps_done, plan.n_steps);
  for (const gating::StepReport& r : losses)
    if (!(r.learning_rate >= 0.0 && std::isfinite(r.learning_rate)))
      fail_data("losses: learning rate {} in step {}, expected 0 or more", r.learning_rate, r.step);
}

// Evaluations since the best one.
std::int64_t without_progress(const std::vector<eval::CheckpointMetrics>& curve) {
  return curve.empty() ? 0 : std::ssize(curve) - 1 - eval::best_evaluation(curve);
}

bool is_over(const std::vector<eval::CheckpointMetrics>& curve, const eval::SelectionOptions& selection) {
  return selection.patience > 0 && without_progress(curve) >= selection.patience;
}

void check_done(const eval::SelectedGate& done, const TrainingPlan& plan) {
  if (done.curve.empty()) fail_data("curve: has no entries; a finished training has been evaluated");
  const std::int64_t steps_done = done.curve.back().step;
  require_between("the last step", steps_done, 1, plan.n_steps);
  check_curve(done.curve, steps_done, plan);
  check_losses(done.losses, steps_done, plan);
  require_equal("stopped_early", done.stopped_early, steps_done < plan.n_steps);
  if (done.stopped_early && !is_over(done.curve, plan.selection))
    fail_data("the last step is {}, expected {}", steps_done, plan.n_steps);
  const auto best = static_cast<std::size_t>(eval::best_evaluation(done.curve));
  require_equal("step", done.step,
                plan.selection.select == SelectCheckpoint::best ? done.curve[best].step : steps_done);
  check_shape("gate", done.gate, plan.shape);
}

void check_current(const eval::SelectionProgress& current, const TrainingPlan& plan) {
  const std::int64_t step = current.training.step;
  require_between("step", step, 1, plan.n_steps - 1);
  check_curve(current.curve, step, plan);
  check_losses(current.losses, step, plan);
  require_equal("loss_steps", current.training.loss_steps, step % plan.log_every);
  require_equal("best_look", current.best_look,
                current.curve.empty() ? 0 : eval::best_evaluation(current.curve));
  if (is_over(current.curve, plan.selection)) fail_data("the training is over after step {}", step);
  check_shape("gate", current.training.gate, plan.shape);
  check_shape("first_moment", current.training.first_moment, plan.shape);
  check_shape("second_moment", current.training.second_moment, plan.shape);
  check_not_negative("second_moment", current.training.second_moment);
  if (plan.selection.select == SelectCheckpoint::best && !current.curve.empty())
    check_shape("best", current.best, plan.shape);
  else
    require_equal("best: the number of layers", std::ssize(current.best.layers), 0);
}

template <class Body>
void for_seed(std::size_t i, const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::data) fail_data("seed {}: {}", i + 1, error.what());
    throw;
  }
}

}  // namespace

void check_saved(const SeedsTrained& saved, const TrainingPlan& plan) {
  require_between("the number of finished seeds", std::ssize(saved.done), 0,
                  plan.n_seeds - (saved.current ? 1 : 0));
  for (std::size_t i = 0; i < saved.done.size(); ++i) for_seed(i, [&] { check_done(saved.done[i], plan); });
  if (saved.current) for_seed(saved.done.size(), [&] { check_current(*saved.current, plan); });
}

}  // namespace armorm::stages::gate
