#include "armorm/stage2_prepare.h"
#include "core/error.h"
#include "stages/options/common_options.h"
#include "stages/options/declarations.h"
#include "stages/options/shared_options.h"

namespace armorm::stages::options {

OptionList declare(Stage2PrepareOptions& fields) {
  using namespace shared_options;
  OptionList list;
  declare_extraction(fields.extraction, list);
  list.add({"model_family", results,
            "Family of the backbone, which decides the gating position; auto finds it in the chat template"},
           fields.model_family)
      .add({"dataset_path", inputs,
            "Preference data: a set (a file, a folder or a Hub id), several, comma-separated, or a mixture's "
            "recipe (docs/mixtures.md)"},
           fields.dataset_path)
      .add(kDatasetName, fields.dataset_name)
      .add(kDatasetConfig, fields.dataset_config)
      .add({"source", results, "Keep the rows whose `source` column equals this; empty = all"}, fields.source)
      .add(kDatasetSplit, fields.dataset_split)
      .add({"columns", results,
            "Column renames, comma-separated EXPECTED=ACTUAL, e.g. chosen=winner,rejected=loser"},
           fields.columns)
      .add(kForm, fields.form)
      .add(kPreferenceLabel, fields.preference_label)
      .add(kRankedPairs, fields.ranked_pairs)
      .add({"seq_len", results,
            "Longest side in tokens; a pair with a longer side is dropped, counted and recorded"},
           fields.seq_len);
  return list;
}

}  // namespace armorm::stages::options

namespace armorm {

void Stage2PrepareOptions::validate() const {
  extraction.validate();
  stages::options::check_dataset(dataset_path, dataset_name);
  if (seq_len < 1) fail_usage("--seq_len: {} is out of range; it must be at least 1", seq_len);
}

}  // namespace armorm
