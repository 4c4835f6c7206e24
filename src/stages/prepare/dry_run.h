// The report of --dry_run: rows, tokens, memory and time of a prepare stage, and the tokens of its first row,
// before any weight is loaded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/safetensors.h"
#include "model/cpu_kernels.h"
#include "model/extractor.h"
#include "model/work_estimate.h"
#include "stages/artifacts/provenance.h"
#include "stages/prepare/bad_rows.h"
#include "stages/prepare/extraction_run.h"

namespace armorm::stages::prepare {

// One side of the first row.
struct DryRunSample {
  std::string title;  // "row 17, chosen"
  std::span<const text::tokenizer::TokenId> tokens;
  std::optional<std::int64_t> gating;  // position of the prompt embedding
};

struct DryRunPlan {
  std::string program;
  std::string form;       // of the rows, with its columns; empty = none that is known, or those of a mixture
  std::string selection;  // the sets of a mixture with what is left out; empty = one set
  std::string gating_pattern;               // of pairs: the tokens that open an answer; empty for others
  std::string first_row;                    // row 0 of each set as it was read
  BadRows::RowName row_name;                // empty = row ids
  const artifacts::Provenance& provenance;  // with rows, dropped and counts filled in
  std::span<const model::ExtractionRequest> requests;
  std::vector<DryRunSample> samples;
  std::map<std::string, std::int64_t> label_counts;  // attribute -> number of rows that have it; empty for
                                                     // pairs
  std::filesystem::path target;
  std::uint64_t target_bytes = 0;
  std::vector<BadRow> bad_rows;                 // ordered by row id
  std::vector<model::KernelRate> kernel_rates;  // of the CPU, as far as they are known
};

// Bytes of the tensors' elements.
std::uint64_t total_bytes(const std::vector<io::TensorSpec>& tensors);

// Prints the report to stdout; control characters of the data are escaped, except line feeds and tabs inside
// a sample. data error when the weight files are incomplete.
void print_dry_run(const ExtractionOptions& options, const ModelInputs& model, const DryRunPlan& plan);

}  // namespace armorm::stages::prepare
