// stage1-prepare: conversations of the multi-objective set -> last-token embeddings and labels.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "armorm/attributes.h"
#include "armorm/data_forms.h"
#include "armorm/dataset_paths.h"
#include "armorm/export.h"
#include "armorm/extraction_options.h"
#include "armorm/stop.h"

namespace armorm {

// `stage1-prepare --help` says what each field means; the comments here say which values it may have.
struct Stage1PrepareOptions {
  ExtractionOptions extraction;
  DatasetPaths dataset_path = "RLHFlow/ArmoRM-Multi-Objective-Data-v0.1";
  std::string dataset_name = {};  // a file name; needed for several sets without a recipe
  std::string dataset_config = {};
  std::string dataset_split = "train";
  std::vector<std::string> attributes = default_attributes();  // at least one, none twice
  std::string weight_column = {};                              // none of the attributes
  std::vector<std::string> columns = {};                       // each "ours=theirs"
  RatingForm form = RatingForm::auto_;
  std::int64_t seq_len = 0;  // >= 0; the model allows max_position_embeddings

  ARMORM_API void validate() const;  // usage errors
};

// Writes <root>/embeddings/<model>/<dataset>-<shard>-of-<n>.safetensors and returns its path: embeddings bf16
// [N, D], labels f32 [N, K] (NaN = missing), row_ids i64 [N], prompt_ids i64 [N] (equal for rows with the
// same messages before the last answer), with a weight column sample_weights f32 [N], and for a form with
// several answers a row answer_ids i64 [N], their numbers in the row. A mixture of sets (docs/mixtures.md)
// has source_ids i64 [N], indices of the rows' sets in the metadata's list `sources`; without a weight_column
// its weights are recorded as those of the column `weight`. Rows of an interrupted run of the same command
// are kept; a complete file is not made again. With extraction.status it only prints the progress of the
// shards, and returns an empty path. Throws Error. One run at a time in a process.
ARMORM_API std::filesystem::path run_stage1_prepare(const Stage1PrepareOptions& options,
                                                    const StopRequested& stop_requested = {});

}  // namespace armorm
