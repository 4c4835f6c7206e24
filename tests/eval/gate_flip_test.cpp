#include "eval/gate_flip.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "armorm/error.h"
#include "io/read_file.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::eval;
using namespace armorm::test;

namespace {

struct Pair {
  std::vector<double> chosen_gate, rejected_gate, chosen_debiased, rejected_debiased;
  FlipInput input() const { return {chosen_gate, rejected_gate, chosen_debiased, rejected_debiased}; }
};

// Score of the chosen answer minus that of the rejected one, with `scale` times the change of the shares.
double margin(const Pair& pair, const std::vector<double>& change, double scale) {
  double sum = 0.0;
  for (std::size_t k = 0; k < pair.chosen_gate.size(); ++k) {
    const double x = change.empty() ? 0.0 : scale * change[k];
    sum += (pair.chosen_gate[k] + x) * pair.chosen_debiased[k] -
           (pair.rejected_gate[k] + x) * pair.rejected_debiased[k];
  }
  return sum;
}

// Of shares that sum to 1.
void check_is_flip(const Pair& pair, const GateFlip& flip) {
  REQUIRE(flip.change.size() == pair.chosen_gate.size());
  double sum = 0.0, moved = 0.0;
  for (std::size_t k = 0; k < flip.change.size(); ++k) {
    sum += flip.change[k];
    moved += std::abs(flip.change[k]) / 2;
    CHECK(pair.chosen_gate[k] + flip.change[k] >= -1e-15);
    CHECK(pair.rejected_gate[k] + flip.change[k] >= -1e-15);
  }
  CHECK(std::abs(sum) < 1e-14);
  CHECK(std::abs(moved - flip.moved) < 1e-14);
  CHECK(std::abs(margin(pair, flip.change, 1.0)) < 1e-14);
}

Pair pair_of(const nlohmann::json& c) {
  return {c["chosen_gate"], c["rejected_gate"], c["chosen_debiased"], c["rejected_debiased"]};
}

}  // namespace

TEST_CASE("the smallest flip is that of a solver of linear programmes", "[golden]") {
  const auto golden_file = nlohmann::json::parse(io::read_text_file(golden("eval/gate_flip.json")));
  std::size_t possible = 0;
  for (const auto& c : golden_file["cases"]) {
    CAPTURE(c.dump());
    const Pair pair = pair_of(c);
    const GateFlip flip = smallest_flip(pair.input());
    REQUIRE(flip.possible == !c["moved"].is_null());
    if (!flip.possible) {
      CHECK(flip.change.empty());
      continue;
    }
    ++possible;
    CHECK(std::abs(flip.moved - c["moved"].get<double>()) < 1e-9);
    check_is_flip(pair, flip);
    // Less of the change leaves the preference.
    CHECK(margin(pair, flip.change, 0.99) * margin(pair, {}, 1.0) > 0);
  }
  CHECK(possible > 30);
}

TEST_CASE("weights with the gate's scale flip as those that sum to 1", "[unit]") {
  const Pair pair{{0.5, 0.3, 0.2}, {0.5, 0.3, 0.2}, {0.9, 0.2, 0.1}, {0.4, 0.3, 0.5}};
  Pair scaled = pair;
  for (auto* gate : {&scaled.chosen_gate, &scaled.rejected_gate})
    for (double& weight : *gate) weight *= 9.5;
  const GateFlip flip = smallest_flip(pair.input());
  const GateFlip same = smallest_flip(scaled.input());
  REQUIRE(flip.possible);
  check_is_flip(pair, flip);
  CHECK(std::abs(same.moved - flip.moved) < 1e-15);
  // margin 0.25 - 0.03 - 0.08 = 0.14; a share from the first attribute to the last one takes 0.5 + 0.4.
  CHECK(flip.moved == Approx(0.14 / 0.9));
  CHECK(flip.change[0] == Approx(-0.14 / 0.9));
  CHECK(flip.change[1] == 0.0);
}

TEST_CASE("no weights flip a pair in which every attribute agrees, or could only make it a tie", "[unit]") {
  const Pair agreed{{0.5, 0.5}, {0.5, 0.5}, {0.6, 0.7}, {0.5, 0.6}};
  CHECK_FALSE(smallest_flip(agreed.input()).possible);
  const Pair tie_at_best{{0.5, 0.5}, {0.5, 0.5}, {0.75, 0.5}, {0.5, 0.5}};
  CHECK_FALSE(smallest_flip(tie_at_best.input()).possible);
  const Pair alone{{1.0}, {1.0}, {0.6}, {0.5}};
  CHECK_FALSE(smallest_flip(alone.input()).possible);
}

TEST_CASE("scores that are equal need no change", "[unit]") {
  const Pair tie{{0.5, 0.5}, {0.5, 0.5}, {1.0, 0.0}, {0.0, 1.0}};
  const GateFlip flip = smallest_flip(tie.input());
  CHECK(flip.possible);
  CHECK(flip.moved == 0.0);
  CHECK(flip.change == std::vector<double>{0.0, 0.0});
}

TEST_CASE("a flip needs weights, and as many rewards", "[unit]") {
  CHECK_THROWS_AS(smallest_flip(Pair{{0.0}, {0.0}, {1.0}, {0.0}}.input()), Error);
  CHECK_THROWS_AS(smallest_flip(Pair{{1.0}, {1.0}, {1.0, 2.0}, {0.0}}.input()), Error);
}
