// Quantities formatted for people.
#pragma once

#include <cstdint>
#include <string>

namespace armorm {

std::string bytes_text(std::uint64_t bytes);  // "312 bytes", "2.7 kB", "16.1 GB"
std::string duration_text(double seconds);    // "12 s", "3 min 05 s", "2 h 07 min"
std::string bar_text(double fraction);        // "[######                  ]"; clamped to [0, 1]

}  // namespace armorm
