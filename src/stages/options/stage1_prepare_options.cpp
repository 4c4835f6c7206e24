#include <algorithm>
#include <set>

#include "armorm/stage1_prepare.h"
#include "core/error.h"
#include "stages/options/common_options.h"
#include "stages/options/declarations.h"
#include "stages/options/shared_options.h"

namespace armorm::stages::options {

OptionList declare(Stage1PrepareOptions& fields) {
  using namespace shared_options;
  OptionList list;
  declare_extraction(fields.extraction, list);
  list.add({"dataset_path", inputs,
            "Multi-objective data: a set (a file, a folder or a Hub id), several, comma-separated, or a "
            "mixture's recipe (docs/mixtures.md)"},
           fields.dataset_path)
      .add(kDatasetName, fields.dataset_name)
      .add(kDatasetConfig, fields.dataset_config)
      .add(kDatasetSplit, fields.dataset_split)
      .add({"attributes", results, "Label columns, comma-separated, in the order of the weights' rows"},
           fields.attributes)
      .add({"weight_column", results,
            "Column of sample weights, for stage1-train --weight_column; empty = none"},
           fields.weight_column)
      .add(
          {"columns", results, "Column renames, comma-separated EXPECTED=ACTUAL, e.g. messages=conversation"},
          fields.columns)
      .add(kForm, fields.form)
      .add({"seq_len", results,
            "Longest row in tokens; longer ones are dropped and counted; 0 = the model's limit"},
           fields.seq_len);
  return list;
}

}  // namespace armorm::stages::options

namespace armorm {

void Stage1PrepareOptions::validate() const {
  extraction.validate();
  stages::options::check_dataset(dataset_path, dataset_name);
  if (attributes.empty()) fail_usage("--attributes: is empty; name at least one label column");
  if (std::set<std::string>(attributes.begin(), attributes.end()).size() != attributes.size())
    fail_usage("--attributes: a name is there twice; every attribute must be named once");
  if (std::find(attributes.begin(), attributes.end(), weight_column) != attributes.end())
    fail_usage("--weight_column: '{}' is one of --attributes; a column is either a label or the weight",
               weight_column);
  if (seq_len < 0) fail_usage("--seq_len: {} is negative; use 0 for the model's limit", seq_len);
}

}  // namespace armorm
