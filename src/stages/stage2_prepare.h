// stage2-prepare: preference pairs -> embeddings of chosen, rejected and their prompts.
#pragma once

#include <filesystem>

#include "stages/options/stage2_prepare_options.h"
#include "stages/stage_environment.h"

namespace armorm {

// Writes <root>/embeddings/<model>/<dataset>[-<source>]-<split>[-<shard>-of-<n>].safetensors and returns its
// path: embeddings bf16 [N, 2, D] (0 = chosen, 1 = rejected), prompt_embeddings bf16 [N, 2, D], row_ids i64
// [N], lengths i64 [N, 2]: response tokens, all that follow the last opening of an assistant's turn (the
// gating pattern) up to the end of the text. What the template writes after an answer (one end-of-turn token
// with Llama 3) is in it, the same for both sides. For a set with subsets also subset_ids i64 [N] into the
// metadata's subset_names. A best-of-n row (lists of answers, as RewardBench 2 has) becomes as many pairs as
// the longer of its lists has answers, with row_ids repeated; candidate_ids i64 [N, 2] tells which answers a
// pair holds, tie_ids i64 [N, 2] kind and number of a prompt of the subset Ties (TieId). Rows already
// computed by an interrupted run of the same command are kept; a complete file is left as it is. With
// extraction.status it only prints how far the shards are, and returns an empty path.
std::filesystem::path run_stage2_prepare(const Stage2PrepareOptions& options,
                                         const StageEnvironment& environment = {});

}  // namespace armorm
