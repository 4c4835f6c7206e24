// Which token sequences go through the backbone, in which packs, and which share their prefixes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/extractor.h"

namespace armorm {

// A common prefix shorter than this costs more in bookkeeping than its computation saves.
inline constexpr std::int64_t kMinSharedTokens = 32;

// A token sequence that is computed once, for all requests that consist of it.
struct PlannedSequence {
  std::span<const TokenId> tokens;
  std::vector<std::size_t> requests;  // indices, ascending
  std::int64_t shared =
      0;  // length of the common prefix with the sequence before this one, 0 if not worth sharing
};

// Every distinct sequence once. Sequences with a common prefix stand side by side (in lexicographic order, so
// that the prefix of any two is the least `shared` between them); such families come in order of their
// longest member, longest first, so that the hardest pack comes first.
std::vector<PlannedSequence> plan_sequences(std::span<const ExtractionRequest> requests, bool share_prefixes);

// The first sequences that go through the backbone together: at most `budget` tokens past the prefixes shared
// with the sequence before, or one longer sequence. The tree may compute up to kMinSharedTokens - 1 more per
// sequence.
std::span<const PlannedSequence> first_pack(std::span<const PlannedSequence> sequences, std::int64_t budget);

// Lays the pack out as a prefix tree. The batch's wanted tokens follow the pack's sequences, their requests,
// and each request's wanted positions.
PackedBatch lay_out(std::span<const PlannedSequence> pack, std::span<const ExtractionRequest> requests);

}  // namespace armorm
