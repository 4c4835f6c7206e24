// The 19 attributes as annotators of the demonstration give them.
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
// stand for those of the published set, where too each row carries only its own source's labels.
struct Annotators {
  std::string name;
  std::vector<std::size_t> attributes;
  std::vector<PromptKind> kinds;
  int share = 0;  // of the rows, in per cent
};
const std::vector<Annotators>& annotators();

// In [0, 1]; beavertails-is_safe is 0 or 1. Every attribute takes to length: that is the bias which debiasing
// removes.
Labels draw_labels(const Annotators& annotators, const Traits& traits, Random& random);

}  // namespace armorm::demo
