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
  std::int64_t first_wanted = 0;  // the lowest wanted position; the last one if none is wanted
  std::int64_t cacheable = 0;     // the most of the requests
};

// The first sequences that go through the backbone together, as first_pack() chooses them, with what a cache
// holds of them. Only tokens that are computed count for the budget.
struct CachedPack {
  std::span<const PlannedSequence> sequences;
  // By sequence. Those that share a prefix which is computed take the same number of tokens from the cache;
  // others begin a tree of their own, so that each takes as many as there are.
  struct Start {
    std::int64_t shared = 0;  // as PlannedSequence::shared, 0 also where both are in the cache
    CachedPrefix cached;
  };
  std::vector<Start> starts;
  std::int64_t hits = 0;           // sequences that take tokens from the cache
  std::int64_t cached_tokens = 0;  // that they take
};
CachedPack first_cached_pack(std::span<const PlannedSequence> sequences, std::int64_t budget,
                             std::int64_t max_blocks, PrefixCache& cache);

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

// The same after the cached prefixes, and keeps what the cache wants: each distinct prefix of `cacheable`
// tokens, as many as the cache can hold at once.
struct CachedLayout {
  PackedBatch batch;
  std::vector<PrefixCache::Tokens> kept;  // by PackedBatch::keep
};
CachedLayout lay_out(const CachedPack& pack, std::span<const ExtractionRequest> requests,
                     const PrefixCache& cache);

}  // namespace armorm::model
