// What both prepare stages do around their rows: find model and data set, choose the shard, encode rows in
// parallel, run the backbone, and say what was done.
#pragma once

#include <functional>
#include <future>
#include <string>
#include <vector>

#include "armorm/extraction_options.h"
#include "core/parallel.h"
#include "core/stop_point.h"
#include "hub/cache.h"
#include "model/backbone.h"
#include "model/extractor.h"
#include "stages/artifacts/provenance.h"
#include "stages/prepare/dataset_inputs.h"
#include "stages/prepare/shard_rows.h"
#include "text/conversation_encoder.h"

namespace armorm::stages::prepare {

struct ModelInputs {
  model::ModelFolder folder;
  std::string name;  // <model> of the artefacts
  model::ModelConfig config;
  text::ConversationEncoder encoder;
};
// `stop` ends a download.
ModelInputs open_model_inputs(const ExtractionOptions& options, const StopRequested& stop);

model::BackboneOptions backbone_options(const ExtractionOptions& options, const ModelInputs& model);
// Loads the weights for each device on a thread of its own while the caller does something else; get() throws
// what went wrong.
using BackbonesLoading = std::vector<std::future<model::Backbone>>;
BackbonesLoading load_backbones(const ExtractionOptions& options, const ModelInputs& model);
// As load_backbones; empty where the weights may not be needed: in a dry run, or when `target` is there
// already.
BackbonesLoading load_ahead(const ExtractionOptions& options, const ModelInputs& model,
                            const std::filesystem::path& target);

// Says how special-token strings in the content of so many `what` ("rows") are encoded; nothing for none.
void warn_of_special_content(std::int64_t count, const std::string& what, bool as_special);

// With --precision fp8 or int8: measures on the first few rows how far the embeddings lie from those of bf16,
// says so and records it.
void record_deviation(const ExtractionOptions& options, const ModelInputs& model,
                      const model::Backbone& backbone,
                      const std::vector<std::span<const text::tokenizer::TokenId>>& rows,
                      artifacts::Provenance& provenance);

int thread_count(const ExtractionOptions& options);

// Collects rows and encodes them many at a time; the callback runs on several threads, each row once.
template <class Row>
class ParallelRows {
 public:
  ParallelRows(int threads, std::function<void(Row&)> encode)
      : threads_(threads), encode_(std::move(encode)) {}
  void push(Row&& row) {
    rows_.push_back(std::move(row));
    if (rows_.size() >= kBatch) flush();
  }
  void flush() {
    parallel_for(static_cast<std::int64_t>(rows_.size()), threads_, [this](std::int64_t i) {
      stop_point();
      encode_(rows_[static_cast<std::size_t>(i)]);
    });
    rows_.clear();
  }

 private:
  static constexpr std::size_t kBatch = 2048;
  int threads_;
  std::function<void(Row&)> encode_;
  std::vector<Row> rows_;
};

// Says how `seq_len`, 0 or the longest row in tokens, relates to a smaller limit of the model's own.
void report_model_limit(std::int64_t seq_len, const model::ModelConfig& config,
                        std::span<const model::ExtractionRequest> requests);

// Fills the fields that both stages share. options.kernels and fp8_accumulate must have been chosen.
artifacts::Provenance make_provenance(const ExtractionOptions& options, const ModelInputs& model,
                                      const DatasetInputs& dataset, const std::string& split);

// On stdout: rows, dropped, tokens, tokens/s, busy fraction, what sharing saved, file.
void print_summary(const std::string& what, const artifacts::Provenance& provenance,
                   const model::ExtractionStats& stats, const std::filesystem::path& file);

}  // namespace armorm::stages::prepare
