// Choices for debiasing and for the training of the gate.
#pragma once

#include <array>
#include <string_view>

namespace armorm {

// What to do with an attribute for which no penalty of the grid meets the threshold.
enum class OnUnmet {
  error,  // data error that names the attributes
  keep,   // penalty 0: the attribute is unchanged
  max,    // the largest penalty of the grid
};
constexpr std::array<std::string_view, 3> words_of(OnUnmet) { return {"error", "keep", "max"}; }

// The quantity that debiased rewards must not rise with.
enum class VerbosityTarget {
  attribute,  // the reward of the verbosity attribute, as published
  length,     // the response's length in tokens
};
constexpr std::array<std::string_view, 2> words_of(VerbosityTarget) { return {"attribute", "length"}; }

enum class PenaltySearch {
  grid,       // the first penalty of the grid that meets the threshold, as published
  bisection,  // the crossing between that penalty and the previous one, to 1e-6
};
constexpr std::array<std::string_view, 2> words_of(PenaltySearch) { return {"grid", "bisection"}; }

// Type to which the operands of the gate's products are rounded; sums, weights and optimiser stay float32.
enum class GatePrecision { fp32, bf16 };
constexpr std::array<std::string_view, 2> words_of(GatePrecision) { return {"fp32", "bf16"}; }

}  // namespace armorm
