// The text of a conversation after its chat template, which remembers who wrote each byte.
//
// Bytes of the template are trusted: a special-token string in them becomes its token. Bytes that came from
// the data (content, role, any message field) are plain text: "<|eot_id|>" in them is ten characters.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace armorm::text::tokenizer {

struct RenderedText {
  std::string text;  // UTF-8
  struct Range {
    std::size_t begin = 0;  // bytes into text
    std::size_t end = 0;
    friend bool operator==(const Range&, const Range&) = default;
  };
  // Where data-origin bytes lie: sorted, disjoint, not touching, none empty.
  std::vector<Range> data_ranges;
};

}  // namespace armorm::text::tokenizer
