// What decides a model's embeddings beside its name, and what the hashes of config, tokenizer and template do
// not tell.
#pragma once

#include <optional>
#include <string>

#include "io/safetensors.h"

namespace armorm {

// Of files that earlier versions or the Python scripts wrote nothing is known; that is compatible with
// anything.
struct ModelFacts {
  std::optional<std::string>
      weights;  // weights_fingerprint(): of the content alone, wherever the folder lies
  // Of a Hub snapshot; to be found again by, and never compared: the weights decide, and commits differ in a
  // README.
  std::string commit;
  std::optional<bool> allow_special_in_content;
  std::optional<std::string> template_date;  // that the chat template was told; empty = it does not ask

  bool all_known() const { return weights && allow_special_in_content && template_date; }
  void add_to(Metadata& metadata) const;
  static ModelFacts from_metadata(const Metadata& metadata);
  // Takes over what is known there and not here.
  void complete_from(const ModelFacts& other);
};

// data error where both are known and differ. `where` and `other_where` name the files in it.
void check_same_model(const ModelFacts& facts, const std::string& where, const ModelFacts& other,
                      const std::string& other_where);

}  // namespace armorm
