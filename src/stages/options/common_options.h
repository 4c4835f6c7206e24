// Options that several executables share, with the defaults of the published run.
#pragma once

#include <cstdint>
#include <string>

#include "core/options.h"

namespace armorm {

// $ARMORM_DATA, else ~/data/ArmoRM.
std::string default_data_root();

// What a chat template that reads the clock is told: the date that Llama 3.2's falls back to where there is
// no clock.
constexpr const char* kTemplateDate = "2024-07-26";

// The most bad rows of `rows` that --max_bad_rows allows: a count ("100"), or a part of the rows ("0.01",
// "1%"). Usage error for anything else.
std::int64_t bad_row_limit(const std::string& max_bad_rows, std::int64_t rows);

// How a backbone is run; common to both prepare stages.
struct ExtractionOptions {
  std::string model_path = "sfairXC/FsfairX-LLaMA3-RM-v0.1";  // folder or Hub id
  std::int64_t n_shards = 1;                                  // >= 1
  std::int64_t shard_idx = 1;                                 // 1-based, <= n_shards
  std::int64_t device = 0;                                    // CUDA device; -1 = CPU
  std::string precision = "bf16";                             // bf16, fp32 or fp8
  std::int64_t batch_tokens = 0;  // tokens in one forward pass; 0 = from free memory
  std::int64_t threads = 0;       // CPU threads; 0 = all that this process may use
  bool batch_invariant = false;   // a row's bits do not depend on packs, shards, threads or runs
  bool allow_special_in_content = false;
  std::string template_date = kTemplateDate;  // YYYY-MM-DD, for chat templates that read the clock
  std::int64_t seed = 0;  // of the shuffle before the rows are divided into shards; the published run has 0
  bool dry_run = false;   // report what would be done, load no weights and write nothing
  bool status = false;    // report how far the data set's shards are, and end
  bool all_sets = false;  // with status: an overview of all data sets below data_root
  bool json = false;      // with status: as JSON
  std::string data_root = default_data_root();
  bool restart = false;  // make a finished shard again; delete an interrupted run with other inputs
  double checkpoint_seconds = 10.0;  // between two durable points of a run; 0 = after every pass
  std::string on_bad_row = "error";  // error or skip
  std::string max_bad_rows = "1%";   // that may be skipped: a count, or a part of the shard's rows

  void declare(OptionList& list);
  void validate() const;  // usage errors
};

}  // namespace armorm
