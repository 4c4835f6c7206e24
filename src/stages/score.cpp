#include "stages/score.h"

#include <fmt/format.h>

#include <cmath>
#include <future>
#include <iostream>
#include <optional>

#include "core/error.h"
#include "core/log.h"
#include "core/parallel.h"
#include "hub/cache.h"
#include "io/publish.h"
#include "model/compute_threads.h"
#include "model/extractor.h"
#include "stages/prepare/extraction_run.h"
#include "stages/reward_model/reward_model.h"
#include "stages/scoring/score_output.h"
#include "stages/scoring/score_rows.h"
#include "text/gating_pattern.h"

namespace armorm {
namespace {

// Standard output, flushed with every write; or a file that is published at the end.
class Output {
 public:
  Output(const std::string& path, FileSystem& files) {
    if (path != "-") file_.emplace(path, files);
  }
  void write(std::string_view text) {
    if (file_) return file_->write(text);
    std::cout.write(text.data(), static_cast<std::streamsize>(text.size())).flush();
    if (!std::cout) fail_io("standard output: write failed; check what it is connected to");
  }
  void finish() {
    if (file_) file_->publish();
  }

 private:
  std::optional<AtomicFile> file_;
};

std::int64_t longest(const ScoreOptions& options, const RewardModel& model) {
  return options.max_length > 0 ? options.max_length : model.config.max_position_embeddings;
}

void encode(const RewardModel& model, std::int64_t max_length, const Conversation& conversation,
            ScoreRow& row) {
  auto encoded = model.encoder.encode(conversation);
  const auto length = std::ssize(encoded.tokens);
  if (length > max_length)
    fail_data("the conversation has {} tokens, more than --max_length ({}) allows", length, max_length);
  const auto gating = find_gating_pattern(encoded.tokens, model.gating_pattern);
  if (!gating)
    fail_data(
        "the rendered conversation holds no start of an assistant's answer; check the messages' roles and "
        "the chat "
        "template");
  row.gating = *gating;
  row.special_in_content = encoded.special_in_content;
  row.tokens = std::move(encoded.tokens);
}

class Scorer {
 public:
  Scorer(const ScoreOptions& options, const RewardModel& model, const Backbone& backbone, int threads)
      : options_(options),
        model_(model),
        extractor_(backbone, {.batch_tokens = options.batch_tokens}),
        threads_(threads),
        lines_(model.attributes, options.fields) {}

  // What is to be written of these rows. A bad row that ends the run is thrown, with the lines before it in
  // `out`.
  void score(const std::vector<ScoreRow>& rows, fmt::memory_buffer& out) {
    const HeadScores scores = head_scores(rows);
    std::size_t index = 0;
    for (const ScoreRow& row : rows) {
      if (!row.error.empty()) {
        add_bad(row, row.error, out);
        continue;
      }
      special_ += row.special_in_content ? 1 : 0;
      if (std::isfinite(scores.score[index]))
        lines_.add(row, scores, index, out);
      else
        add_bad(row, "the score is not a finite number; try --precision fp32", out);
      ++index;
    }
  }

  void report() const {
    if (special_ > 0)
      log::warn("{} conversations hold special-token strings in their content; they are encoded as {}",
                special_, options_.allow_special_in_content ? "special tokens" : "plain text");
    if (bad_ > 0) log::warn("{} rows could not be scored; their lines hold an \"error\"", bad_);
    const double rate = static_cast<double>(stats_.input_tokens) / std::max(stats_.seconds, 1e-9);
    log::info("{} conversations scored, {} tokens ({} computed) in {:.1f} s = {:.0f} tokens/s",
              stats_.requests, stats_.input_tokens, stats_.computed_tokens, stats_.seconds, rate);
  }

 private:
  // Of the good rows, in their order.
  HeadScores head_scores(const std::vector<ScoreRow>& rows) {
    std::vector<ExtractionRequest> requests;
    for (const ScoreRow& row : rows)
      if (row.error.empty()) requests.push_back({row.tokens, {std::ssize(row.tokens) - 1, row.gating}});
    const std::int64_t d = model_.config.hidden_size;
    states_.resize(requests.size() * static_cast<std::size_t>(2 * d));
    const ExtractionStats stats =
        extractor_.run(requests, [&](std::size_t request, MatrixView<const float> values) {
          for (std::int64_t i = 0; i < 2; ++i)
            std::copy_n(values.row(i).data(), d,
                        states_.data() + (2 * static_cast<std::int64_t>(request) + i) * d);
        });
    add(stats);
    const auto n = std::ssize(requests);
    return score_states(model_.head, {states_.data(), n, d, 2 * d}, {states_.data() + d, n, d, 2 * d},
                        threads_);
  }

  void add_bad(const ScoreRow& row, const std::string& reason, fmt::memory_buffer& out) {
    if (options_.on_bad_row == OnBadRow::error)
      fail_data("{}: line {}: {}; repair it, or pass over such rows with --on_bad_row skip",
                options_.input == "-" ? "standard input" : options_.input, row.line, reason);
    lines_.add_bad(row, reason, out);
    ++bad_;
  }

  void add(const ExtractionStats& stats) {
    stats_.requests += stats.requests;
    stats_.input_tokens += stats.input_tokens;
    stats_.computed_tokens += stats.computed_tokens;
    stats_.seconds += stats.seconds;
  }

  const ScoreOptions& options_;
  const RewardModel& model_;
  Extractor extractor_;
  int threads_;
  ScoreLines lines_;
  std::vector<float> states_;  // [rows, 2, D]: of the last token and of the prompt's end
  ExtractionStats stats_;
  std::int64_t special_ = 0;
  std::int64_t bad_ = 0;
};

void write_all(ScoreReader& reader, Scorer& scorer, Output& output) {
  fmt::memory_buffer lines;
  const auto flush = [&] {
    output.write({lines.data(), lines.size()});
    lines.clear();
  };
  for (std::vector<ScoreRow> rows = reader.next(); !rows.empty(); rows = reader.next()) {
    try {
      scorer.score(rows, lines);
    } catch (const Error&) {
      flush();
      throw;
    }
    flush();
  }
}

}  // namespace

void run_score(const ScoreOptions& options, const StageEnvironment& environment) {
  const int threads = options.threads > 0 ? static_cast<int>(options.threads) : default_thread_count();
  set_compute_threads(threads);
  const std::filesystem::path folder = resolve_model(options.model_path, environment.stop_requested);
  // Before the weights, so that what is wrong with it is told at once.
  const RewardModel model =
      RewardModel::load(folder, options.allow_special_in_content, options.template_date);
  Output output(options.output, environment.files);
  auto source = open_line_source(options.input);
  auto loading = std::async(std::launch::async, [&] {
    return Backbone::load({.model_folder = folder,
                           .precision = options.precision,
                           .device = static_cast<int>(options.device),
                           .batch_invariant = options.batch_invariant});
  });
  const std::int64_t max_length = longest(options, model);
  ScoreReader reader(std::move(source),
                     {.window = static_cast<std::size_t>(options.window),
                      .threads = threads,
                      .stop_at_bad = options.on_bad_row == OnBadRow::error},
                     [&model, max_length](const Conversation& conversation, ScoreRow& row) {
                       encode(model, max_length, conversation, row);
                     });
  const Backbone backbone = loading.get();
  log::info("model {} on {}", artifact_name(options.model_path), backbone.device_name());
  Scorer scorer(options, model, backbone, threads);
  write_all(reader, scorer, output);
  output.finish();
  scorer.report();
}

}  // namespace armorm
