// The options of stage1-prepare. The program's help says what each field means (declarations.h); the comments
// here say what a value may be.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/attributes.h"
#include "stages/options/common_options.h"

namespace armorm {

struct Stage1PrepareOptions {
  ExtractionOptions extraction;
  std::string dataset_path = "RLHFlow/ArmoRM-Multi-Objective-Data-v0.1";
  std::string dataset_config;
  std::string dataset_split = "train";
  std::vector<std::string> attributes = default_attributes();  // at least one, none twice
  std::string weight_column;                                   // none of the attributes
  std::vector<std::string> columns;                            // each "ours=theirs"
  std::int64_t seq_len = 0;  // >= 0; the model allows max_position_embeddings

  void validate() const;  // usage errors
};

}  // namespace armorm
