// Facts that determine a model's embeddings in addition to its name and the hashes of config, tokenizer and
// template.
#pragma once

#include <optional>
#include <string>

#include "io/safetensors.h"

namespace armorm::stages::artifacts {

// Files of earlier versions or of the Python scripts record no facts; unknown facts are compatible with all.
struct ModelFacts {
  std::optional<std::string>
      weights;  // weights_fingerprint(): depends only on the content, not on the folder
  // Hub commit, for lookup only. Identity is the fingerprint of the weights: a commit may change only a
  // README.
  std::string commit;
  std::optional<bool> allow_special_in_content;
  std::optional<std::string> template_date;    // date for the chat template; empty = not used by it
  std::optional<std::string> tokenizer_files;  // tokenizer_files_of()

  bool all_known() const { return weights && allow_special_in_content && template_date; }
  void add_to(io::Metadata& metadata) const;
  static ModelFacts from_metadata(const io::Metadata& metadata);
  // Takes over facts that are known there and unknown here.
  void complete_from(const ModelFacts& other);
};

// data error where both are known and differ. The message names the files `where` and `other_where`.
void check_same_model(const ModelFacts& facts, const std::string& where, const ModelFacts& other,
                      const std::string& other_where);

}  // namespace armorm::stages::artifacts
