// stage2-prepare: preference pairs -> embeddings of chosen, rejected and their prompts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "armorm/data_forms.h"
#include "armorm/dataset_paths.h"
#include "armorm/export.h"
#include "armorm/extraction_options.h"
#include "armorm/model_family.h"
#include "armorm/stop.h"

namespace armorm {

// `stage2-prepare --help` says what each field means; the comments here say which values it may have.
struct Stage2PrepareOptions {
  ExtractionOptions extraction;
  ModelFamily model_family = ModelFamily::auto_;
  DatasetPaths dataset_path = "RLHFlow/UltraFeedback-preference-standard";
  std::string dataset_name = {};  // a file name; needed for several sets without a recipe
  std::string source = {};
  std::string dataset_config = {};
  std::string dataset_split = "train";
  std::vector<std::string> columns = {};  // each "ours=theirs"
  PairForm form = PairForm::auto_;
  std::string preference_label = {};  // one that the form has
  RankedPairs ranked_pairs = RankedPairs::all;
  std::int64_t seq_len = 8192;  // >= 1

  ARMORM_API void validate() const;  // usage errors
};

// Writes <root>/embeddings/<model>/<dataset>[-<source>]-<split>[-<shard>-of-<n>].safetensors and returns its
// path. embeddings bf16 [N, 2, D] (0 = chosen, 1 = rejected), prompt_embeddings bf16 [N, 2, D], row_ids i64
// [N], lengths i64 [N, 2]: response tokens, from the end of the last assistant opening (the gating pattern)
// to the end of the text. This includes what the template writes after an answer (one end-of-turn token with
// Llama 3), the same for both sides. prompt_ids i64 [N] are equal for pairs with the same messages before the
// chosen answer. A set with subsets also gets subset_ids i64 [N] into the metadata's
// subset_names. A best-of-n row (lists of answers, as in RewardBench 2) becomes as many pairs as the longer
// of its lists has answers, with row_ids repeated; candidate_ids i64 [N, 2] gives the answers of a pair,
// tie_ids i64 [N, 2] kind and number of a prompt of the subset Ties. Rows of a form that ranks answers by
// labels (docs/data-forms.md) become one pair or several, with pair_ids i64 [N, 2], the numbers of the pair's
// answers in the row, and, if the form has it, strengths f32 [N] of the preferences (NaN = not given).
// source_ids i64 [N] are indices into the metadata's list `sources`: of a mixture (docs/mixtures.md) its
// sets, of a set with a text column `source` its values, unless `source` chooses one. Rows of an interrupted
// run of the same command are kept; a complete file is not made again. With extraction.status it only prints
// the progress of the shards, and returns an empty path. Throws Error. One run at a time in a process.
ARMORM_API std::filesystem::path run_stage2_prepare(const Stage2PrepareOptions& options,
                                                    const StopRequested& stop_requested = {});

}  // namespace armorm
