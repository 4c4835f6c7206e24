// Whether a text is valid UTF-8 by RFC 3629 (no surrogates, no overlong forms, at most U+10FFFF).
#pragma once

#include <string_view>

namespace armorm::data {

bool is_utf8(std::string_view text) noexcept;

}  // namespace armorm::data
