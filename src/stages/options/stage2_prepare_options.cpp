#include "stages/options/stage2_prepare_options.h"

#include "core/error.h"

namespace armorm {

OptionList Stage2PrepareOptions::declare() {
  OptionList list;
  extraction.declare(list);
  list.add("model_family", model_family, "Family of the backbone; decides the gating position",
           {"llama3", "gemma2"})
      .add("dataset_path", dataset_path, "Preference data set: a file, a folder, or a Hub id")
      .add("dataset_config", dataset_config,
           "Config of a data set whose card names several; empty = its default. It is no part of the file's "
           "name")
      .add("source", source, "Keep the rows whose `source` column equals this; empty = all")
      .add("dataset_split", dataset_split, "Split of the data set")
      .add("columns", columns, "Other names of columns, comma-separated: chosen=winner,rejected=loser")
      .add("seq_len", seq_len,
           "Longest side in tokens; a pair with a longer one is dropped, counted and recorded");
  return list;
}

void Stage2PrepareOptions::validate() const {
  extraction.validate();
  if (dataset_path.empty()) fail_usage("--dataset_path: is empty; name a file, a folder or a Hub id");
  if (seq_len < 1) fail_usage("--seq_len: {} is out of range; it must be at least 1", seq_len);
  if (model_family != "llama3" && model_family != "gemma2")
    fail_usage("--model_family: '{}' is unknown; use llama3 or gemma2", model_family);
}

}  // namespace armorm
