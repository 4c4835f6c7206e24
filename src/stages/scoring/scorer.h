// Scores conversations; shared by the program score and RewardScorer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <future>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "armorm/reward_scorer.h"
#include "gating/reward_head.h"
#include "io/file_watch.h"
#include "model/backbone.h"
#include "model/extractor.h"
#include "stages/reward_model/reward_model.h"
#include "stages/scoring/row_messages.h"
#include "stages/scoring/score_rows.h"

namespace armorm::stages::scoring {

class Scorer {
 public:
  // Reads everything but the decoder's weights, so that errors are reported at once. `options` must outlive
  // the scorer.
  Scorer(const ScorerOptions& options, const StopRequested& stop_requested);
  Scorer(const Scorer&) = delete;
  Scorer& operator=(const Scorer&) = delete;

  // Load the decoder's weights on another thread, and wait for them. Call each once, before score(). data
  // error when an export was changed, with Verify::on.
  void begin_loading();
  void finish_loading();

  const std::vector<std::string>& attributes() const noexcept { return model_.attributes; }
  std::string device_name() const { return backbone_->device_name(); }
  int threads() const noexcept { return threads_; }
  std::int64_t max_length() const noexcept { return max_length_; }
  std::int64_t batch_tokens() const { return extractor_->batch_tokens(); }
  const model::PrefixCache* prompt_cache() const { return extractor_->prefix_cache(); }  // null: none is used
  const model::ModelFolder& folder() const noexcept { return folder_; }
  const reward_model::RewardModel& model() const noexcept { return model_; }

  // Sets the tokens of a row. data error for a conversation that cannot be scored. Thread-safe; may run while
  // the weights load.
  void encode(const Conversation& conversation, ScoreRow& row) const;
  // The same for a row of messages as clients write them (row_messages.h): lists of text parts, and fields
  // that the template does not use, which row.unused then names.
  void encode_row(const Conversation& conversation, ScoreRow& row) const;
  // The same of a text that a chat template has rendered.
  void encode_rendered(const std::string& text, ScoreRow& row) const;

  // Scores the good rows: row.result becomes the index of the row's values in the return value. A row whose
  // score is not finite becomes a bad one. data error when the model's files are changed while the CPU reads
  // their mapped weights.
  gating::HeadScores score(std::vector<ScoreRow>& rows);

  const model::ExtractionStats& stats() const noexcept { return stats_; }  // over all calls of score()

 private:
  void check_length(std::span<const text::tokenizer::TokenId> tokens) const;
  static void set_tokens(text::ConversationEncoder::Encoded encoded, ScoreRow& row);
  CpuKernels choose_kernels() const;
  Fp8Accumulate choose_accumulate() const;
  void use_settings() const;  // threads and kernels, of the process
  void extract_states(const std::vector<ScoreRow>& rows);

  const ScorerOptions options_;
  int threads_;
  model::ModelFolder folder_;
  io::FileWatch model_files_;
  reward_model::RewardModel model_;
  std::int64_t max_length_;
  RowMessages messages_;
  std::optional<text::tokenizer::TokenId>
      answer_end_;                             // with which the template ends each answer, if with one
  CpuKernels kernels_ = CpuKernels::measured;  // chosen by begin_loading(); auto on a GPU
  std::future<model::Backbone> loading_;
  std::future<void> verifying_;  // the weights, with Verify::on
  std::optional<model::Backbone> backbone_;
  std::optional<model::Extractor> extractor_;
  std::vector<float> states_;  // [good rows, 2, D]: states of the last token and of the prompt's end
  model::ExtractionStats stats_;
};

}  // namespace armorm::stages::scoring
