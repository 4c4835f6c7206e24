// Resource limits of a template: a hostile one can neither hang nor exhaust memory or stack. A render takes
// seconds and hundreds of megabytes at most (budget.h says what is charged).
#pragma once

#include <cstddef>
#include <cstdint>

namespace armorm::text::jinja {

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
// Small enough that a fuzzer often reaches every limit.
constexpr std::size_t kMaxTextBytes = std::size_t{1} << 16;
constexpr std::size_t kMaxItems = std::size_t{1} << 12;
constexpr std::uint64_t kMaxSteps = 20'000;
constexpr std::uint64_t kMaxWork = std::uint64_t{4} << 20;
constexpr std::size_t kMaxHeldBytes = std::size_t{1} << 20;
#else
constexpr std::size_t kMaxTextBytes = std::size_t{64} << 20;   // one string, and the output
constexpr std::size_t kMaxItems = std::size_t{1} << 20;        // one list, tuple or dict
constexpr std::uint64_t kMaxSteps = 20'000'000;                // nodes evaluated
constexpr std::uint64_t kMaxWork = std::uint64_t{2} << 30;     // in bytes moved (budget.h): seconds
constexpr std::size_t kMaxHeldBytes = std::size_t{256} << 20;  // by all values together
#endif
constexpr std::size_t kMaxSourceBytes = std::size_t{4} << 20;  // length of a template
constexpr std::size_t kMaxRange = 100'000;                     // range(), as in jinja2's sandbox
constexpr int kMaxValueDepth = 100;                            // nested lists
constexpr int kMaxParseDepth = 100;                            // nested brackets and blocks
constexpr int kMaxEvalDepth = 1000;  // nodes on the path from the root, through macro calls

}  // namespace armorm::text::jinja
