#include "stages/scoring/scorer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/stop_point.h"
#include "data/final_turn.h"
#include "hub/cache.h"
#include "model/compute_threads.h"
#include "model/device.h"
#include "model/weights_folder.h"
#include "stages/artifacts/open_encoder.h"
#include "stages/prepare/extraction_run.h"
#include "stages/reward_model/export_digests.h"
#include "text/gating_pattern.h"

namespace armorm::stages::scoring {
namespace {

const ScorerOptions& checked(const ScorerOptions& options) {
  model::check_device(options.device);
  model::check_precision(options.precision, options.device);
  return options;
}

// Its files are verified before they are read, its weights while they are loaded.
model::ModelFolder open_folder(const ScorerOptions& options, const StopRequested& stop) {
  model::ModelFolder folder = artifacts::open_model_folder(options.model_path, stop);
  if (options.verify == Verify::on) reward_model::verify_export_files(folder);
  return folder;
}

std::int64_t longest(const ScorerOptions& options, const reward_model::RewardModel& model) {
  return options.max_length > 0 ? options.max_length : model.config.max_position_embeddings;
}

// The released model's gate sums to about 1.
bool is_about_one(float scale) { return std::abs(scale - 1.0F) < 0.1F; }

// What the numbers can be compared with.
std::string meaning_of_scores(const reward_model::RewardModel& model) {
  const std::string sum = fmt::format("the gate's weights sum to {:g}", model.head.gate.logit_scale);
  if (model.bradley_terry_scale)
    return fmt::format(
        "scores are rewards: {}; margins times the model's {}, {:g}, are logits of a preference", sum,
        reward_model::kScaleField, *model.bradley_terry_scale);
  if (is_about_one(model.head.gate.logit_scale)) return "scores are rewards: " + sum;
  return "scores contain the gate's scale: " + sum + "; compare them only with those of this model";
}

void add(const model::ExtractionStats& more, model::ExtractionStats& stats) {
  stats.requests += more.requests;
  stats.input_tokens += more.input_tokens;
  stats.computed_tokens += more.computed_tokens;
  stats.seconds += more.seconds;
}

}  // namespace

Scorer::Scorer(const ScorerOptions& options, const StopRequested& stop_requested)
    : options_(checked(options)),
      threads_(thread_count(options.threads)),
      folder_(open_folder(options, stop_requested)),
      model_files_(model::WeightsFolder::open(folder_).watch()),
      model_(
          reward_model::RewardModel::load(folder_, options.allow_special_in_content, options.template_date)),
      max_length_(longest(options, model_)) {}

void Scorer::begin_loading() {
  model::set_compute_threads(threads_);
  loading_ = std::async(std::launch::async, [this, stop = current_stop_request()] {
    const StopScope scope(&stop);
    return model::Backbone::load({.model_folder = folder_,
                                  .precision = options_.precision,
                                  .device = static_cast<int>(options_.device),
                                  .batch_invariant = options_.batch_invariant});
  });
  if (options_.verify == Verify::on)
    verifying_ = std::async(std::launch::async, [this, stop = current_stop_request()] {
      const StopScope scope(&stop);
      reward_model::verify_export_weights(folder_);
    });
}

void Scorer::finish_loading() {
  if (verifying_.valid()) verifying_.get();
  backbone_.emplace(loading_.get());
  model_files_.check_content();
  extractor_.emplace(*backbone_, model::ExtractorOptions{.batch_tokens = options_.batch_tokens});
  log::info("model {} on {}", hub::artifact_name(options_.model_path), device_name());
  log::info("{}", meaning_of_scores(model_));
}

void Scorer::encode(const Conversation& conversation, ScoreRow& row) const {
  auto encoded = model_.encoder.encode(conversation);
  const auto length = std::ssize(encoded.tokens);
  if (length > max_length_)
    fail_data("the conversation has {} tokens, more than `max_length` ({}) allows", length, max_length_);
  const auto gating = text::find_gating_pattern(encoded.tokens, model_.gating_pattern);
  if (!gating)
    fail_data(
        "the rendered conversation holds no start of an assistant's answer; check the messages' roles and "
        "the chat template");
  row.gating = *gating;
  row.special_in_content = encoded.special_in_content;
  row.no_final_answer = data::ends_without_answer(conversation);
  row.tokens = std::move(encoded.tokens);
}

gating::HeadScores Scorer::score(std::vector<ScoreRow>& rows) {
  extract_states(rows);
  if (options_.device < 0) model_files_.check_content();
  const std::int64_t d = model_.config.hidden_size;
  const std::int64_t n = std::ssize(states_) / (2 * d);
  gating::HeadScores scores = gating::score_states(model_.head, {states_.data(), n, d, 2 * d},
                                                   {states_.data() + d, n, d, 2 * d}, threads_);
  std::size_t next = 0;
  for (ScoreRow& row : rows) {
    if (!row.error.empty()) continue;
    row.result = next++;
    if (!std::isfinite(scores.score[row.result]))
      row.error = "the score is not a finite number; try `precision` fp32";
  }
  return scores;
}

void Scorer::extract_states(const std::vector<ScoreRow>& rows) {
  // For the calling thread, which may differ from the one that loaded the model.
  model::set_compute_threads(threads_);
  std::vector<model::ExtractionRequest> requests;
  for (const ScoreRow& row : rows)
    if (row.error.empty()) requests.push_back({row.tokens, {std::ssize(row.tokens) - 1, row.gating}});
  const std::int64_t d = model_.config.hidden_size;
  states_.resize(requests.size() * static_cast<std::size_t>(2 * d));
  const auto keep = [&](std::size_t request, MatrixView<const float> values) {
    for (std::int64_t i = 0; i < 2; ++i)
      std::copy_n(values.row(i).data(), d, states_.data() + (2 * static_cast<std::int64_t>(request) + i) * d);
  };
  add(extractor_->run(requests, keep), stats_);
}

}  // namespace armorm::stages::scoring
