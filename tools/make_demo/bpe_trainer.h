// Byte-pair encoding over bytes, trained on texts (Sennrich et al. 2016; byte alphabet of GPT-2).
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace armorm::demo {

// Symbols are strings of the byte alphabet of byte-level tokenizers: "Ġ" is a space.
struct BpeMerges {
  std::vector<std::string> alphabet;                        // 256, by byte value
  std::vector<std::pair<std::string, std::string>> merges;  // by rank
};

// At most `max_merges`; stops earlier when no pair of symbols occurs twice. Among equally frequent pairs the
// smallest is merged, so the result depends only on the texts. Texts must be ASCII.
BpeMerges train_bpe(const std::vector<std::string>& texts, std::size_t max_merges);

}  // namespace armorm::demo
