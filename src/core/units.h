// Quantities formatted for people.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace armorm {

std::string bytes_text(std::uint64_t bytes);  // "312 bytes", "2.7 kB", "16.1 GB"
// "1500", "16GB", "1.5 GiB": bytes, or a number with B, kB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB
// (of 1024), in any case. nullopt for other texts, and below 1 byte or above 2^63.
std::optional<std::uint64_t> parse_bytes(std::string_view text);
// The value of an option for memory: nullopt for "all", 0 for "auto", else bytes. usage error that names the
// option for other texts.
std::optional<std::uint64_t> memory_limit(std::string_view option, std::string_view text);
std::string duration_text(double seconds);  // "12 s", "3 min 05 s", "2 h 07 min"
std::string bar_text(double fraction);      // "[######                  ]"; clamped to [0, 1]

}  // namespace armorm
