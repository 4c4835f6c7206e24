// The options of stage1-prepare.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/attributes.h"
#include "stages/options/common_options.h"

namespace armorm {

struct Stage1PrepareOptions {
  ExtractionOptions extraction;
  std::string dataset_path = "RLHFlow/ArmoRM-Multi-Objective-Data-v0.1";  // file, folder or Hub id
  std::string dataset_config;  // of several in the data set's card; empty = the default one
  std::string dataset_split = "train";
  std::vector<std::string> attributes =
      default_attributes();          // label columns, in the order of the weights' rows
  std::string weight_column;         // sample weights; empty = none
  std::vector<std::string> columns;  // renames, "messages=conversation"
  std::int64_t seq_len = 0;          // longest row in tokens; 0 = the model's max_position_embeddings

  OptionList declare();
  void validate() const;
};

}  // namespace armorm
