// The options of stage2-prepare.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stages/options/common_options.h"

namespace armorm {

struct Stage2PrepareOptions {
  ExtractionOptions extraction;
  std::string model_family = "llama3";  // llama3 or gemma2
  std::string dataset_path = "RLHFlow/UltraFeedback-preference-standard";
  std::string source;          // keep rows whose `source` column equals it; empty = all
  std::string dataset_config;  // of several in the data set's card; empty = the default one
  std::string dataset_split = "train";
  std::vector<std::string> columns;  // renames, "chosen=winner"
  std::int64_t seq_len = 8192;       // a pair with a longer side is dropped, counted and recorded

  OptionList declare();
  void validate() const;
};

}  // namespace armorm
