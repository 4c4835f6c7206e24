// The 19 attributes as labelled by the annotators of the demo.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "lexicon.h"
#include "random.h"

namespace armorm::demo {

inline constexpr std::size_t kAttributes = 19;  // of default_attributes()
using Labels = std::array<std::optional<double>, kAttributes>;

// A source of annotated answers: which attributes it labels, and for which kinds of prompt. The eight sources
// correspond to those of the published set, where each row also has only its own source's labels.
struct Annotators {
  std::string name;
  std::vector<std::size_t> attributes;
  std::vector<PromptKind> kinds;
  int share = 0;  // of the rows, in percent
};
const std::vector<Annotators>& annotators();

// In [0, 1]; beavertails-is_safe is 0 or 1. Every attribute rises with length: this is the bias that
// debiasing removes.
Labels draw_labels(const Annotators& annotators, const Traits& traits, Random& random);

}  // namespace armorm::demo
