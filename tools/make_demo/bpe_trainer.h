// Byte-pair encoding over bytes, learnt from texts (Sennrich et al. 2016; byte alphabet of GPT-2).
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace armorm::demo {

// Symbols are strings of the byte alphabet in which byte-level tokenizers write their vocabulary: "Ġ" is a
// space.
struct BpeMerges {
  std::vector<std::string> alphabet;                        // 256, by byte value
  std::vector<std::pair<std::string, std::string>> merges;  // by rank
};

// At most `max_merges`; stops earlier when no pair of symbols occurs twice. Of pairs that are equally
// frequent the smallest is merged, so the result depends on the texts alone. Texts must be ASCII.
BpeMerges train_bpe(const std::vector<std::string>& texts, std::size_t max_merges);

}  // namespace armorm::demo
