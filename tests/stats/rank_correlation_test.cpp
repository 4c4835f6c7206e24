#include "stats/rank_correlation.h"

#include <cmath>
#include <limits>
#include <random>

#include "core/error.h"
#include "support/reference_statistics.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stats;
using test::spearman;

namespace {

std::vector<float> draw(std::mt19937& random, std::size_t n, float step) {
  std::normal_distribution<float> normal;
  std::vector<float> values(n);
  for (float& value : values) value = step > 0 ? step * std::round(normal(random) / step) : normal(random);
  return values;
}

// Equal bit for bit, NaN included.
void check_same(const std::vector<float>& x, const std::vector<float>& y) {
  RankCorrelation::Workspace workspace;
  const double ours = RankCorrelation(y).with(x, workspace);
  const double expected = spearman(x, y);
  CHECK((ours == expected || (std::isnan(ours) && std::isnan(expected))));
}

}  // namespace

// statistics_test.cpp compares spearman() itself with SciPy.
TEST_CASE("rank correlations are those of spearman, with and without ties", "[unit]") {
  std::mt19937 random(1);
  for (const std::size_t n : {0U, 1U, 2U, 3U, 17U, 1000U, 40000U, 1200000U}) {
    for (const float step : {0.0F, 0.01F, 1.0F}) {
      CAPTURE(n, step);
      std::vector<float> x = draw(random, n, step);
      const std::vector<float> y = draw(random, n, step);
      check_same(x, y);
      for (std::size_t i = 0; i < n; ++i) x[i] += 2 * y[i];
      check_same(x, y);
      check_same(x, x);
    }
  }
}

TEST_CASE("zeros of both signs are tied, and extreme values keep their order", "[unit]") {
  const float huge = std::numeric_limits<float>::max(), tiny = std::numeric_limits<float>::denorm_min();
  const float inf = std::numeric_limits<float>::infinity();
  check_same({0.0F, -0.0F, 1.0F, -1.0F, -0.0F}, {1, 2, 3, 4, 5});
  check_same({-inf, -huge, -tiny, 0.0F, tiny, huge, inf}, {3, 1, 2, 5, 4, 7, 6});
}

TEST_CASE("what is undefined is NaN, and one workspace serves samples of any size", "[unit]") {
  RankCorrelation::Workspace workspace;
  const std::vector<float> y{1, 2, 3, 4};
  const RankCorrelation target(y);
  CHECK_FALSE(target.is_constant());
  CHECK(target.with(std::vector<float>{4, 3, 2, 1}, workspace) == Approx(-1.0));
  CHECK(RankCorrelation(std::vector<float>{1, 2}).with(std::vector<float>{5, 6}, workspace) == Approx(1.0));
  CHECK(target.with(std::vector<float>{1, 2, 4, 3}, workspace) ==
        spearman(std::vector<float>{1, 2, 4, 3}, y));
  CHECK(std::isnan(target.with(std::vector<float>{1, 1, 1, 1}, workspace)));
  CHECK(std::isnan(target.with(std::vector<float>{1, std::nanf(""), 1, 2}, workspace)));
  CHECK_THROWS_AS(target.with(std::vector<float>{1, 2}, workspace), Error);
  const RankCorrelation same(std::vector<float>{2, 2, 2, 2});
  CHECK(same.is_constant());
  CHECK(std::isnan(same.with(y, workspace)));
  const RankCorrelation unknown(std::vector<float>{1, std::nanf(""), 2, 3});
  CHECK(std::isnan(unknown.with(y, workspace)));
  const RankCorrelation lengths(std::vector<std::int64_t>{10, 200, 200, 3000});
  CHECK(lengths.with(y, workspace) == spearman(y, std::vector<float>{1, 2, 2, 3}));
}

TEST_CASE("a penalised sample is the float32 difference", "[unit]") {
  std::mt19937 random(7);
  RankCorrelation::Workspace workspace;
  const std::vector<float> x = draw(random, 5000, 0.01F), y = draw(random, 5000, 0.0F),
                           z = draw(random, 5000, 0.5F);
  const RankCorrelation target(y);
  for (const float penalty : {0.0F, 0.05F, 0.95F}) {
    std::vector<float> difference(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) difference[i] = x[i] - penalty * z[i];
    CHECK(target.with_penalised(x, penalty, z, workspace) == spearman(difference, y));
  }
  CHECK_THROWS_AS(target.with_penalised(x, 0.5F, std::vector<float>{1, 2}, workspace), Error);
}

TEST_CASE("integers of more than 32 bits are ranked too", "[unit]") {
  RankCorrelation::Workspace workspace;
  const std::vector<float> x{3, 1, 2, 5, 4};
  const std::int64_t large = std::int64_t{1} << 40;
  for (const auto& y :
       {std::vector<std::int64_t>{5, 7, 7, 4294967295, 0}, {5, 7, 7, large, 0}, {-5, 7, 7, large, -9}})
    CHECK(RankCorrelation(y).with(x, workspace) == spearman(x, std::vector<float>{2, 3.5F, 3.5F, 5, 1}));
}
