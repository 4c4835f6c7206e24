#include "stages/options/stage1_prepare_options.h"

#include <algorithm>
#include <set>

#include "core/error.h"

namespace armorm {

OptionList Stage1PrepareOptions::declare() {
  OptionList list;
  extraction.declare(list);
  list.add("dataset_path", dataset_path, "Multi-objective data set: a file, a folder, or a Hub id")
      .add("dataset_config", dataset_config,
           "Config of a data set whose card names several; empty = its default. It is no part of the file's "
           "name")
      .add("dataset_split", dataset_split, "Split of the data set")
      .add("attributes", attributes, "Label columns, comma-separated, in the order of the weights' rows")
      .add("weight_column", weight_column,
           "Column with a sample weight for each row, kept for stage1-train --weight_column; empty = none")
      .add("columns", columns, "Other names of columns, comma-separated: messages=conversation")
      .add("seq_len", seq_len,
           "Longest row in tokens, longer ones are dropped and counted; 0 = the model's limit");
  return list;
}

void Stage1PrepareOptions::validate() const {
  extraction.validate();
  if (dataset_path.empty()) fail_usage("--dataset_path: is empty; name a file, a folder or a Hub id");
  if (attributes.empty()) fail_usage("--attributes: is empty; name at least one label column");
  if (std::set<std::string>(attributes.begin(), attributes.end()).size() != attributes.size())
    fail_usage("--attributes: a name is there twice; every attribute must be named once");
  if (std::find(attributes.begin(), attributes.end(), weight_column) != attributes.end())
    fail_usage("--weight_column: '{}' is one of --attributes; a column is either a label or the weight",
               weight_column);
  if (seq_len < 0) fail_usage("--seq_len: {} is negative; use 0 for the model's limit", seq_len);
}

}  // namespace armorm
