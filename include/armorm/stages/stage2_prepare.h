// stage2-prepare: preference pairs -> embeddings of chosen, rejected and their prompts.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "armorm/stages/common_options.h"
#include "armorm/stages/stage_environment.h"

namespace armorm {

struct Stage2PrepareOptions {
  ExtractionOptions extraction;
  std::string model_family = "llama3";  // llama3 or gemma2
  std::string dataset_path = "RLHFlow/UltraFeedback-preference-standard";
  std::string source;  // keep rows whose `source` column equals it; empty = all
  std::string dataset_split = "train";
  std::vector<std::string> columns;  // renames, "chosen=winner"
  std::int64_t seq_len = 8192;       // a pair with a longer side is dropped, counted and recorded

  OptionList declare();
  void validate() const;
};

// Writes <root>/embeddings/<model>/<dataset>[-<source>]-<split>[-<shard>-of-<n>].safetensors and returns its path:
// embeddings bf16 [N, 2, D] (0 = chosen, 1 = rejected), prompt_embeddings bf16 [N, 2, D], row_ids i64 [N], and for a set
// with subsets subset_ids i64 [N] into the metadata's subset_names.
// Rows already computed by an interrupted run of the same command are kept; a complete file is left as it is.
// With extraction.status it only prints how far the shards are, and returns an empty path.
std::filesystem::path run_stage2_prepare(const Stage2PrepareOptions& options, const StageEnvironment& environment = {});

}  // namespace armorm
