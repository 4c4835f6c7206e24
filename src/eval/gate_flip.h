// The smallest change of a gate's weights that takes a pair's preference away, with the rewards as they are.
#pragma once

#include <span>
#include <vector>

namespace armorm::eval {

// What a pair is scored with, [K] each: score = sum_k gate_k * debiased_k. A gate's weights are not negative;
// their sum is above 0 and the same for both sides but for rounding.
struct FlipInput {
  std::span<const double> chosen_gate;
  std::span<const double> rejected_gate;  // the same weights where the sides have one prompt
  std::span<const double> chosen_debiased;
  std::span<const double> rejected_debiased;
};

struct GateFlip {
  bool possible = false;       // false: no admissible change gives the other answer the higher score
  double moved = 0.0;          // share of the weight that changes its attribute, in [0, 1]; 0 for a tie
  std::vector<double> change;  // [K] of the shares, sums to 0; empty where none is possible
};

// Shares are w = gate / sum(gate). An admissible change adds the same vector x to the shares of both sides,
// with sum(x) = 0 and no share below 0: both stay in the simplex. Of all admissible x after which the scores
// are equal, `change` is one with the least sum(|x_k|) / 2, which is `moved`; any further step along it gives
// the other answer the higher score.
//
// This is a linear programme of one constraint besides the simplex, solved exactly up to float64 rounding:
// all that is moved goes to the attribute that speaks most for the other answer, and comes first from those
// that speak most against it, each down to 0. Of equal attributes the first one counts. internal error when
// sizes differ or a sum is not above 0.
GateFlip smallest_flip(const FlipInput& input);

}  // namespace armorm::eval
