// Options that both prepare stages share, with the defaults of the published run. The programs' help says
// what each field means (declarations.h); the comments here say what a value may be.
#pragma once

#include <cstdint>
#include <string>

#include "armorm/precision.h"
#include "stages/options/choices.h"

namespace armorm {

// $ARMORM_DATA, else ~/data/ArmoRM.
std::string default_data_root();

// What a chat template that reads the clock is told: the date that Llama 3.2's falls back to where there is
// no clock.
constexpr const char* kTemplateDate = "2024-07-26";

// The most bad rows of `rows` that --max_bad_rows allows: a count ("100"), or a fraction of the rows ("0.01",
// "1%"). Usage error for anything else.
std::int64_t bad_row_limit(const std::string& max_bad_rows, std::int64_t rows);

// How a backbone is run.
struct ExtractionOptions {
  std::string model_path = "sfairXC/FsfairX-LLaMA3-RM-v0.1";
  std::int64_t n_shards = 1;   // in [1, 99999]
  std::int64_t shard_idx = 1;  // in [1, n_shards]
  std::int64_t device = 0;     // >= -1
  Precision precision = Precision::bf16;
  std::int64_t batch_tokens = 0;  // >= 0
  std::int64_t threads = 0;       // >= 0
  bool batch_invariant = false;
  bool allow_special_in_content = false;
  std::string template_date = kTemplateDate;  // from 1970 on
  std::int64_t seed = 0;                      // >= 0; the published shuffle has 0
  bool dry_run = false;                       // loads no weights and writes nothing
  bool status = false;
  bool all_sets = false;  // with status
  bool json = false;      // with status
  std::string data_root = default_data_root();
  bool restart = false;
  double checkpoint_seconds = 10.0;  // >= 0
  OnBadRow on_bad_row = OnBadRow::error;
  std::string max_bad_rows = "1%";  // see bad_row_limit()

  void validate() const;  // usage errors
};

}  // namespace armorm
