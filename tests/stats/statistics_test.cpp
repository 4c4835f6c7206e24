#include "stats/statistics.h"

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "support/reference_statistics.h"
#include "support/test_support.h"

namespace armorm::stats {
namespace {

using nlohmann::json;
using stats::spearman;
using test::mean_squared_error;
using test::pearson;
using test::r_squared;
using test::spearman;
using Values = std::vector<double>;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

TEST_CASE("ranks and correlations are SciPy's and scikit-learn's", "[golden]") {
  std::ifstream file(test::golden("linear/statistics.json"));
  REQUIRE(file);
  const json cases = json::parse(file);
  REQUIRE(cases.size() == 20);
  for (const json& record : cases) {
    const auto x = record.at("x").get<Values>();
    const auto y = record.at("y").get<Values>();
    CAPTURE(x.size(), x[0], y[0]);
    CHECK(average_ranks(x) == record.at("x_ranks").get<Values>());
    CHECK(std::abs(spearman(x, y) - record.at("spearman").get<double>()) <= 1e-12);
    CHECK(std::abs(pearson(x, y) - record.at("pearson").get<double>()) <= 1e-12);
    CHECK(r_squared(x, y) == Approx(record.at("r_squared").get<double>()).epsilon(1e-12));
    CHECK(mean_squared_error(x, y) == Approx(record.at("mse").get<double>()).epsilon(1e-12));
  }
}

TEST_CASE("float32 samples rank as their float64 values", "[unit]") {
  const std::vector<float> x{3.5F, -1.0F, 3.5F, 2.0F};
  const std::vector<float> y{1.0F, 0.0F, 4.0F, 4.0F};
  CHECK(average_ranks(x) == Values{3.5, 1.0, 3.5, 2.0});
  CHECK(spearman(x, y) == spearman(Values(x.begin(), x.end()), Values(y.begin(), y.end())));
}

TEST_CASE("a statistic that is not defined is NaN", "[unit]") {
  const Values constant{2.0, 2.0, 2.0};
  const Values rising{1.0, 2.0, 3.0};
  CHECK(std::isnan(spearman(constant, rising)));
  CHECK(std::isnan(spearman(rising, constant)));
  CHECK(std::isnan(pearson(constant, rising)));
  CHECK(std::isnan(pearson(Values(3, 0.1), rising)));  // the mean of three 0.1 is not 0.1
  CHECK(std::isnan(r_squared(rising, constant)));
  CHECK(std::isnan(spearman(Values{1.0}, Values{1.0})));
  CHECK(std::isnan(pearson(Values{}, Values{})));
  CHECK(std::isnan(mean_squared_error(Values{}, Values{})));
  CHECK(std::isnan(spearman(Values{1.0, kNaN, 2.0}, rising)));
  CHECK(std::isnan(average_ranks(Values{1.0, kNaN})[0]));
  CHECK(std::isnan(pearson(Values{1.0, kNaN, 2.0}, rising)));
}

TEST_CASE("infinities rank at the ends", "[unit]") {
  const double inf = std::numeric_limits<double>::infinity();
  CHECK(average_ranks(Values{inf, -inf, 0.0, inf}) == Values{3.5, 1.0, 2.0, 3.5});
}

TEST_CASE("a sample's rank correlation with itself is exactly one", "[unit]") {
  Values x;
  for (int i = 0; i < 10007; ++i) x.push_back((i * 7919) % 1009);
  CHECK(spearman(x, x) == 1.0);
  Values reversed = x;
  for (double& value : reversed) value = -value;
  CHECK(spearman(x, reversed) == -1.0);
}

}  // namespace
}  // namespace armorm::stats
