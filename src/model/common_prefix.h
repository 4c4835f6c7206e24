#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "text/tokenizer/tokenizer.h"

namespace armorm::model {

// Equal tokens at the start of both.
inline std::int64_t common_prefix(std::span<const text::tokenizer::TokenId> a,
                                  std::span<const text::tokenizer::TokenId> b) {
  const auto n = static_cast<std::ptrdiff_t>(std::min(a.size(), b.size()));
  return std::mismatch(a.begin(), a.begin() + n, b.begin()).first - a.begin();
}

}  // namespace armorm::model
