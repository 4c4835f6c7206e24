#include "stages/scoring/scorer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "armorm/extraction_options.h"
#include "core/error.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/stop_point.h"
#include "core/units.h"
#include "core/utf8.h"
#include "core/words.h"
#include "data/final_turn.h"
#include "hub/cache.h"
#include "model/compute_threads.h"
#include "model/cpu_kernels.h"
#include "model/device.h"
#include "model/streaming_plan.h"
#include "model/weights_folder.h"
#include "stages/artifacts/kernel_choice.h"
#include "stages/artifacts/kernel_rates.h"
#include "stages/artifacts/open_encoder.h"
#include "stages/prepare/extraction_run.h"
#include "stages/reward_model/export_digests.h"
#include "text/gating_pattern.h"

namespace armorm::stages::scoring {
namespace {

artifacts::ProductKind products_of(const ScorerOptions& options) {
  return {options.precision, options.batch_invariant};
}

// Those of the training. nullopt if they are not recorded, or of another precision, or of another processor.
std::optional<CpuKernels> trained_kernels(const ScorerOptions& options,
                                          const reward_model::TrainedKernels& trained) {
  if (trained.precision != name_of(options.precision)) return std::nullopt;
  const auto kernels = artifacts::usable_kernels(trained.kernels, products_of(options));
  if (kernels)
    log::info("CPU kernels: {}, as in the training", name_of(*kernels));
  else
    log::info("CPU kernels: the training's, {}, cannot be used here: {}", trained.kernels,
              artifacts::available_text(products_of(options)));
  return kernels;
}

// By the file of the default data root, where there is one; nothing is written elsewhere.
CpuKernels fastest_kernels(const ScorerOptions& options, const model::ModelConfig& config, int threads) {
  const std::filesystem::path root = default_data_root();
  const std::filesystem::path file = artifacts::kernel_rates_path(root);
  std::error_code error;
  const bool keep = std::filesystem::is_directory(root, error);
  const artifacts::MeasuredKernels found = artifacts::measured_kernels({file, io::posix_file_system(), keep},
                                                                       config, products_of(options), threads);
  artifacts::report_measured(found,
                             found.from_file ? "by " + file.string() : "measured; --kernels fixes them");
  return found.kernels;
}

// On by default, so that a processor without kernels for it goes without it instead of failing.
bool can_be_invariant(const ScorerOptions& options) {
  if (options.device >= 0 || !model::available_kernels(options.precision, true).empty()) return true;
  log::warn(
      "--batch_invariant: on a CPU it needs AVX2, which this processor lacks; it is off, and the last bits "
      "of "
      "a score depend on the conversations that are computed with it");
  return false;
}

ScorerOptions checked(ScorerOptions options) {
  model::check_device(options.device);
  model::check_precision(options.precision, options.device);
  model::check_accumulate(options.fp8_accumulate, options.device);
  options.batch_invariant = options.batch_invariant && can_be_invariant(options);
  if (options.device < 0) artifacts::checked_kernels(options.kernels, products_of(options));
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
        "scores are rewards: {0}; P(A preferred to B) = sigmoid({1:g} x (score A - score B)), where {1:g} is "
        "the model's {2}",
        sum, *model.bradley_terry_scale, reward_model::kScaleField);
  if (is_about_one(model.head.gate.logit_scale)) return "scores are rewards: " + sum;
  return "scores contain the gate's scale: " + sum + "; compare them only with those of this model";
}

// The last token of conversations that differ in their answers; nullopt if that differs too, or if the
// template renders no such conversation.
std::optional<text::tokenizer::TokenId> end_of_answers(const text::ConversationEncoder& encoder) {
  const auto last = [&](const char* answer) {
    const auto tokens = encoder.encode({{"user", "a"}, {"assistant", answer}}).tokens;
    return tokens.empty() ? std::optional<text::tokenizer::TokenId>() : tokens.back();
  };
  try {
    const auto one = last("b");
    return one == last("1") ? one : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

void add(const model::ExtractionStats& more, model::ExtractionStats& stats) {
  stats.requests += more.requests;
  stats.input_tokens += more.input_tokens;
  stats.computed_tokens += more.computed_tokens;
  stats.passes += more.passes;
  stats.cached_tokens += more.cached_tokens;
  stats.cache_lookups += more.cache_lookups;
  stats.cache_hits += more.cache_hits;
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
      max_length_(longest(options, model_)),
      messages_(model_.encoder),
      answer_end_(end_of_answers(model_.encoder)) {
  model::check_weights_memory(model_.config, options_.precision, model::WeightsFolder::open(folder_),
                              memory_limit("--weights_memory", options_.weights_memory),
                              static_cast<int>(options_.device));
}

CpuKernels Scorer::choose_kernels() const {
  if (options_.device >= 0) return options_.kernels;
  const CpuKernels given = artifacts::checked_kernels(options_.kernels, products_of(options_));
  if (given != CpuKernels::measured) {
    log::info("CPU kernels: {}, by --kernels", name_of(given));
    return given;
  }
  if (const auto kernels = trained_kernels(options_, model_.trained_kernels)) return *kernels;
  return fastest_kernels(options_, model_.config, threads_);
}

Fp8Accumulate Scorer::choose_accumulate() const {
  if (options_.precision != Precision::fp8 || options_.fp8_accumulate != Fp8Accumulate::auto_)
    return options_.fp8_accumulate;
  const Fp8Accumulate own =
      model::has_fp8_products(options_.device) ? Fp8Accumulate::fast : Fp8Accumulate::exact;
  const std::string& trained = model_.trained_kernels.fp8_accumulate;
  for (const Fp8Accumulate usable : {Fp8Accumulate::exact, own}) {
    if (trained != name_of(usable)) continue;
    log::info("fp8 accumulation: {}, as in the training", trained);
    return usable;
  }
  log::info("fp8 accumulation: {}{}", name_of(own),
            trained.empty() ? "" : fmt::format("; the training's, {}, is not that of this device", trained));
  return own;
}

void Scorer::use_settings() const {
  model::set_compute_threads(threads_);
  if (options_.device < 0) model::use_kernels(kernels_);
}

void Scorer::begin_loading() {
  kernels_ = choose_kernels();
  use_settings();
  loading_ = std::async(std::launch::async, [this, accumulate = choose_accumulate(),
                                             stop = current_stop_request()] {
    const StopScope scope(&stop);
    return model::Backbone::load({.model_folder = folder_,
                                  .precision = options_.precision,
                                  .fp8_accumulate = accumulate,
                                  .device = static_cast<int>(options_.device),
                                  .batch_invariant = options_.batch_invariant,
                                  .attention = options_.attention,
                                  .weights_memory = memory_limit("--weights_memory", options_.weights_memory),
                                  .scratch_folder = std::filesystem::temp_directory_path()});
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
  extractor_.emplace(*backbone_, model::ExtractorOptions{.batch_tokens = options_.batch_tokens,
                                                         .prefix_cache_bytes = options_.prompt_cache_bytes});
  log::info("model {} on {}", hub::artifact_name(options_.model_path), device_name());
  if (backbone_->streams())
    log::info("not all layers fit {}: they are read again for each batch of conversations{}",
              options_.weights_memory == "auto" ? "the free memory" : "--weights_memory",
              options_.prompt_cache_bytes > 0 ? ", and no prompts are cached" : "");
  log::info("{}", meaning_of_scores(model_));
}

void Scorer::encode(const Conversation& conversation, ScoreRow& row) const {
  auto encoded = model_.encoder.encode(conversation);
  check_length(encoded.tokens);
  row.gating = model_.encoder.gating_position(conversation, encoded.tokens, model_.gating_pattern);
  row.no_final_answer = data::ends_without_answer(conversation);
  set_tokens(std::move(encoded), row);
}

void Scorer::encode_row(const Conversation& conversation, ScoreRow& row) const {
  encode(messages_.prepare(conversation, row.unused), row);
}

void Scorer::encode_rendered(const std::string& text, ScoreRow& row) const {
  if (!is_utf8(text)) fail_data("the text is not UTF-8");
  auto encoded = model_.encoder.encode_rendered(text);
  check_length(encoded.tokens);
  const auto gating = text::find_gating_pattern(encoded.tokens, model_.gating_pattern);
  if (!gating)
    fail_data(
        "the text holds no start of an assistant's answer; render it with the chat template of the model");
  row.gating = *gating;
  row.open_answer = answer_end_ && encoded.tokens.back() != *answer_end_;
  set_tokens(std::move(encoded), row);
}

void Scorer::check_length(std::span<const text::tokenizer::TokenId> tokens) const {
  if (std::ssize(tokens) > max_length_)
    fail_data("the conversation has {} tokens, more than `max_length` ({}) allows", tokens.size(),
              max_length_);
}

void Scorer::set_tokens(text::ConversationEncoder::Encoded encoded, ScoreRow& row) {
  row.special_in_content = encoded.special_in_content;
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
  use_settings();
  std::vector<model::ExtractionRequest> requests;
  for (const ScoreRow& row : rows)
    if (row.error.empty())
      requests.push_back({row.tokens, {std::ssize(row.tokens) - 1, row.gating}, row.gating});
  const std::int64_t d = model_.config.hidden_size;
  states_.resize(requests.size() * static_cast<std::size_t>(2 * d));
  const auto keep = [&](std::size_t request, MatrixView<const float> values) {
    for (std::int64_t i = 0; i < 2; ++i)
      std::copy_n(values.row(i).data(), d, states_.data() + (2 * static_cast<std::int64_t>(request) + i) * d);
  };
  add(extractor_->run(requests, keep), stats_);
}

}  // namespace armorm::stages::scoring
