// Plans which token sequences go through the backbone, in which packs, and which ones share their prefixes.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "model/extractor.h"

namespace armorm::model {

// A shorter common prefix costs more in bookkeeping than it saves in computation.
inline constexpr std::int64_t kMinSharedTokens = 32;

inline constexpr std::int64_t kAnyBlocks = std::numeric_limits<std::int64_t>::max();

// A token sequence that is computed once for all requests with these tokens.
struct PlannedSequence {
  std::span<const text::tokenizer::TokenId> tokens;
  std::vector<std::size_t> requests;  // indices, ascending
  std::int64_t shared = 0;  // length of the common prefix with the previous sequence, 0 if not worth sharing
  std::int64_t wanted = 0;  // rows of all the requests
};

// Most sequences of a pack, and most wanted rows: kMaxCudaBlocks on a GPU, any number on the CPU.
std::int64_t max_pack_blocks(bool on_cpu);

// Every distinct sequence once. Sequences with a common prefix are adjacent (in lexicographic order, so that
// the prefix of any two is the minimum of `shared` between them). Such families are ordered by their longest
// member, longest first, so that the most expensive pack comes first. A sequence with more than `max_blocks`
// wanted rows is there several times.
std::vector<PlannedSequence> plan_sequences(std::span<const ExtractionRequest> requests, bool share_prefixes,
                                            std::int64_t max_blocks = kAnyBlocks);

// The first sequences that go through the backbone together: at most `budget` tokens beyond the prefixes
// shared with the previous sequence, or one longer sequence. The tree may compute up to kMinSharedTokens - 1
// more tokens per sequence. It has at most `max_blocks` sequences and wanted rows.
std::span<const PlannedSequence> first_pack(std::span<const PlannedSequence> sequences, std::int64_t budget,
                                            std::int64_t max_blocks = kAnyBlocks);

// Lays the pack out as a prefix tree. The batch's wanted tokens are ordered by the pack's sequences, then
// their requests, then each request's wanted positions.
PackedBatch lay_out(std::span<const PlannedSequence> pack, std::span<const ExtractionRequest> requests);

}  // namespace armorm::model
