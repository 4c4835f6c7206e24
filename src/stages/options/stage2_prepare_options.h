// The options of stage2-prepare. The program's help says what each field means (declarations.h); the comments
// here say what a value may be.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stages/options/common_options.h"
#include "text/model_family.h"

namespace armorm {

struct Stage2PrepareOptions {
  ExtractionOptions extraction;
  ModelFamily model_family = ModelFamily::llama3;
  std::string dataset_path = "RLHFlow/UltraFeedback-preference-standard";
  std::string source;
  std::string dataset_config;
  std::string dataset_split = "train";
  std::vector<std::string> columns;  // each "ours=theirs"
  std::int64_t seq_len = 8192;       // >= 1

  void validate() const;  // usage errors
};

}  // namespace armorm
