// Whether files that earlier stages published are verified.
#pragma once

#include <array>
#include <string_view>

namespace armorm {

enum class Verify {
  on,   // all content is compared with the digests that were written with it
  off,  // their header is read; a damaged file may give other results
};
constexpr std::array<std::string_view, 2> words_of(Verify) { return {"on", "off"}; }

}  // namespace armorm
