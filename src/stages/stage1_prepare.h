// stage1-prepare: conversations of the multi-objective set -> last-token embeddings and labels.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "stages/options/common_options.h"
#include "stages/options/stage_environment.h"

namespace armorm {

struct Stage1PrepareOptions {
  ExtractionOptions extraction;
  std::string dataset_path = "RLHFlow/ArmoRM-Multi-Objective-Data-v0.1";  // file, folder or Hub id
  std::string dataset_config;  // of several in the data set's card; empty = the default one
  std::string dataset_split = "train";
  std::vector<std::string> attributes =
      default_attributes();          // label columns, in the order of the weights' rows
  std::string weight_column;         // sample weights; empty = none
  std::vector<std::string> columns;  // renames, "messages=conversation"
  std::int64_t seq_len = 0;          // longest row in tokens; 0 = the model's max_position_embeddings

  OptionList declare();
  void validate() const;
};

// Writes <root>/embeddings/<model>/<dataset>-<shard>-of-<n>.safetensors and returns its path:
// embeddings bf16 [N, D], labels f32 [N, K] (NaN = missing), row_ids i64 [N], prompt_ids i64 [N] (rows with
// the same messages before the last answer have the same), and with a weight column sample_weights f32 [N].
// Rows already computed by an interrupted run of the same command are kept; a complete file is left as it is.
// With extraction.status it only prints how far the shards are, and returns an empty path.
std::filesystem::path run_stage1_prepare(const Stage1PrepareOptions& options,
                                         const StageEnvironment& environment = {});

}  // namespace armorm
