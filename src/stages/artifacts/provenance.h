// Origin of an embedding file; stored as safetensors metadata.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "io/safetensors.h"
#include "stages/artifacts/artifact_inputs.h"
#include "stages/artifacts/model_facts.h"

namespace armorm::stages::artifacts {

struct Provenance {
  static constexpr const char* kFormatVersion = "1";

  std::string kind;  // "labelled" or "preference"
  std::string model;
  std::string dataset;
  std::string split;
  std::string dataset_config;  // a config of the data set's card; empty = the default one
  std::string form;            // of the rows, with its label and pairs; empty = a mixture, or not recorded
  std::string source;
  std::vector<std::string> sources;  // names that source_ids index; empty = no source_ids
  std::string mixture;               // its sets as JSON: name, first_row, rows, taken, ...; empty = one set
  std::string recipe_sha256;         // of a mixture: of what its recipe says
  std::string precision;
  std::string fp8_accumulate;  // fast or exact, of precision fp8; empty for others
  bool batch_invariant = false;
  std::string cpu_kernels;  // of the products; empty = made on a GPU, or not recorded
  // "cuDNN 9.19.0" if a GPU had its plans for attention, "LibTorch" if it had none; empty = made on a CPU, or
  // LibTorch's by an earlier version.
  std::string gpu_attention;
  std::string deviation;  // deviation of fp8 or int8 embeddings from bf16; empty for other precisions
  std::vector<std::string> attributes;    // labelled
  std::string weight_column;              // labelled; empty = rows have no weights
  std::vector<std::string> subset_names;  // preference sets with subsets
  std::vector<std::int32_t>
      gating_pattern;  // preference: the tokens that open an answer; empty = not recorded
  std::string template_sha256;
  std::string tokenizer_sha256;
  std::string config_sha256;
  std::string data_sha256;  // of the data set's files and renamed columns; empty = not recorded
  std::string data_commit;  // of the data set on the Hub, for lookup only
  ModelFacts facts;
  std::int64_t shard_idx = 1;
  std::int64_t n_shards = 1;
  std::int64_t seed = 0;                                     // of the shuffle
  std::int64_t rows = 0;                                     // in this file
  std::int64_t source_rows = 0;                              // rows of the split
  std::map<std::string, std::vector<std::int64_t>> dropped;  // reason -> row ids, of this shard
  std::map<std::string, std::int64_t> counts;  // further facts, e.g. rows with special tokens in content

  io::Metadata to_metadata() const;
  // `origin` names the file in errors. data error for a format version that this build cannot read.
  static Provenance from_metadata(const io::Metadata& metadata, const std::string& origin);
  // What decides the rows apart from the options of the run, by name, as far as it is recorded.
  ArtifactInputs inputs() const;
  // The precision; of fp8 with fast accumulation that, too.
  std::string arithmetic() const;
  // False for files of the Python scripts.
  static bool present_in(const io::Metadata& metadata);
};

}  // namespace armorm::stages::artifacts
