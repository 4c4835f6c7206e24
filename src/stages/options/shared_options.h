// Declarations of options that several programs share.
#pragma once

#include <cstdint>

#include "armorm/extraction_options.h"
#include "armorm/reward_scorer.h"
#include "core/options.h"

namespace armorm::stages::options::shared_options {

using enum OptionEffect;

inline constexpr OptionText kModelOfEmbeddings{"model_path", inputs,
                                               "Reward model of the embeddings; determines the file names"};
inline constexpr OptionText kDatasetName{
    "dataset_name", inputs,
    "Name of the data in file names; required for several sets without a recipe; empty = the name of the set "
    "or of the recipe's file"};
inline constexpr OptionText kDatasetConfig{
    "dataset_config", results,
    "Config of a data set whose card names several; empty = its default. It is not part of the file name"};
inline constexpr OptionText kDatasetSplit{"dataset_split", results, "Split of the data set"};
inline constexpr OptionText kForm{"form", inputs,
                                  "Form of the rows: which columns make conversations and labels "
                                  "(docs/data-forms.md); auto = recognised by "
                                  "columns and types"};
inline constexpr OptionText kPreferenceLabel{
    "preference_label", inputs,
    "Label that decides which answer is better, for a form with several (pku_saferlhf: safer_response_id; "
    "ultrafeedback: overall_score); empty = the form's first"};
inline constexpr OptionText kRankedPairs{
    "ranked_pairs", inputs,
    "Pairs from a row with ranked answers: all of different rank, or the best against each worse one"};
inline constexpr OptionText kDevice{"device", resources, "CUDA device index; -1 = CPU"};
inline constexpr OptionText kThreads{"threads", resources,
                                     "CPU threads; 0 = OMP_NUM_THREADS, else all that this process may use"};
inline constexpr OptionText kExtractionKernels{
    "kernels", results,
    "CPU kernels of the matrix products; auto = as in the set's other shards, else the fastest, measured "
    "once per kind of processor and kept in --data_root"};
inline constexpr OptionText kGpuAttention{
    "attention", results,
    "Attention on a GPU; auto = cuDNN's if it has a plan and batch_invariant is off, else LibTorch's "
    "FlashAttention"};
inline constexpr OptionText kBackbonePrecision{"precision", results, "Arithmetic of the backbone"};
// The last bits depend on the packs unless batch_invariant is on.
inline constexpr OptionText kBatchTokens{"batch_tokens", results,
                                         "Tokens in one forward pass; 0 = from the free memory"};
inline constexpr OptionText kWeightsMemory{"weights_memory", resources,
                                           "Memory for weights on each device: all = every layer stays "
                                           "resident; bytes (20GB, 16GiB), or auto = from the "
                                           "free memory: layers that do not fit are streamed"};
inline constexpr OptionText kDataRoot{"data_root", output,
                                      "Folder of all artefacts ($ARMORM_DATA sets the default)"};

inline constexpr OptionText kJson{
    "json", output, "Print the results as one JSON document (docs/output.md) instead of tables"};

inline constexpr OptionText kVerify{
    "verify", output,
    "on: check the embeddings against the digests in their files; off: check only their headers"};

// Of both prepare stages.
void declare_extraction(ExtractionOptions& fields, OptionList& list);

// Of score and serve.
void declare_model(ScorerOptions& fields, OptionList& list);
void declare_scorer(ScorerOptions& fields, OptionList& list);

// usage error below `least`.
void at_least(const char* flag, std::int64_t value, std::int64_t least);

}  // namespace armorm::stages::options::shared_options
