// Limits on the steps of a tokenizer.json: each step may write more than it reads, and steps are chained, so
// that a small file could fill any memory.
#pragma once

#include <cstddef>

#include "core/error.h"

namespace armorm::text::tokenizer {

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
constexpr std::size_t kMaxGrownBytes = std::size_t{1} << 20;  // within reach of a fuzzer
#else
constexpr std::size_t kMaxGrownBytes = std::size_t{128} << 20;  // twice the longest output of a chat template
#endif

// Of all matches of a pattern in one text. A step takes 2 to 4 ns; the patterns of public tokenizers take a
// few for each byte.
constexpr std::size_t kMatchSteps = 10'000;
constexpr std::size_t kMatchStepsPerByte = 2'000;
constexpr double kMatchSeconds = 1;
constexpr double kMatchSecondsPerByte = 1e-5;

inline void check_grown(std::size_t bytes, std::size_t more) {
  if (more > kMaxGrownBytes || bytes > kMaxGrownBytes - more)
    fail_data(
        "tokenizer.json: its normalizer or decoder makes more than {} bytes of one text; check its Replace "
        "steps",
        kMaxGrownBytes);
}

}  // namespace armorm::text::tokenizer
