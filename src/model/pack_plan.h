// Which requests go through the backbone, in which packs.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "armorm/model/extractor.h"

namespace armorm {

// A token sequence that goes through the backbone once, for all requests that consist of it.
struct PlannedSequence {
  std::vector<std::size_t> requests;  // indices, ascending; the first one's tokens are used
  std::int64_t length = 0;
};

// Longest first, so that the hardest pack comes first and memory only falls; ties in order of the request.
// Identical requests share a sequence.
std::vector<PlannedSequence> plan_sequences(std::span<const ExtractionRequest> requests);

// The first sequences that go through the backbone together: at most `budget` tokens, or one longer sequence
// alone.
std::span<const PlannedSequence> first_pack(std::span<const PlannedSequence> sequences, std::int64_t budget);

}  // namespace armorm
