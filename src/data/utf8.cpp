#include "data/utf8.h"

#include <cstdint>
#include <cstring>

namespace armorm::data {
namespace {

bool is_continuation(unsigned char byte) noexcept { return (byte & 0xc0U) == 0x80U; }

// Length of the UTF-8 sequence (RFC 3629, section 4) at `s`, or 0 if it is invalid.
std::size_t sequence_length(const unsigned char* s, std::size_t left) noexcept {
  const unsigned char first = s[0];
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const std::size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (left < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(s[i])) return 0;
  }
  const bool overlong = (first == 0xe0 && s[1] < 0xa0) || (first == 0xf0 && s[1] < 0x90);
  const bool surrogate = first == 0xed && s[1] > 0x9f;
  const bool too_large = first == 0xf4 && s[1] > 0x8f;
  return overlong || surrogate || too_large ? 0 : length;
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t i = 0;
  while (i < text.size()) {
    std::uint64_t block = 0;
    if (text.size() - i >= sizeof(block)) {
      std::memcpy(&block, bytes + i, sizeof(block));
      if ((block & 0x8080808080808080ULL) == 0) {
        i += sizeof(block);
        continue;
      }
    }
    const std::size_t length = sequence_length(bytes + i, text.size() - i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

}  // namespace armorm::data
