#include "linear/dense/integer_columns.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <ranges>
#include <stdexcept>
#include <string>

#include "linear/ridge_moments.h"
#include "support/error_of.h"
#include "support/test_support.h"

namespace armorm::linear {
namespace {

using dense::GramKernel;
using dense::IntegerColumns;
using dense::kGroup;

constexpr std::array kIntegerKernels{GramKernel::integers, GramKernel::amx};

struct Matrix {
  std::int64_t n = 0;
  std::int64_t d = 0;
  std::vector<BFloat16> x;

  std::vector<const BFloat16*> rows() const {
    std::vector<const BFloat16*> out;
    for (std::int64_t r = 0; r < n; ++r) out.push_back(x.data() + r * d);
    return out;
  }
  double at(std::int64_t r, std::int64_t c) const { return static_cast<double>(x[r * d + c].to_float()); }
};

Matrix make(std::int64_t n, std::int64_t d, const std::function<float(std::int64_t, std::int64_t)>& value) {
  Matrix out{n, d, {}};
  for (std::int64_t r = 0; r < n; ++r) {
    for (std::int64_t c = 0; c < d; ++c) out.x.push_back(BFloat16::from_float(value(r, c)));
  }
  return out;
}

// What makes digits, residues or the choice of wide columns fail if a bound is off by one.
struct Case {
  std::string name;
  std::function<float(std::mt19937&, std::int64_t, std::int64_t)> value;  // of a row and a column
};

float normal(std::mt19937& generator) { return std::normal_distribution<float>()(generator); }

std::vector<Case> cases() {
  const auto sign = [](std::mt19937& g) { return g() % 2 == 0 ? 1.0F : -1.0F; };
  return {
      {"normal", [](std::mt19937& g, auto, auto) { return normal(g); }},
      {"shifted, columns of other scales",
       [](std::mt19937& g, auto, std::int64_t c) {
         return (normal(g) + 5.0F) * std::ldexp(1.0F, static_cast<int>(c * 7 % 90) - 45);
       }},
      // Sums of one sign with all bits set, up to the largest digits.
      {"largest fraction", [](auto&, auto, auto) { return 1.9921875F; }},
      {"largest fraction, negative", [](auto&, auto, auto) { return -255.0F; }},
      {"largest fraction, at both ends of the grid",
       [=](std::mt19937& g, std::int64_t r, auto) {
         return sign(g) * std::ldexp(255.0F, r % 2 == 0 ? 0 : -14);
       }},
      {"around the end of the grid",
       [=](std::mt19937& g, std::int64_t r, auto) {
         return r == 0 ? 255.0F
                       : sign(g) * std::ldexp(129.0F + static_cast<float>(g() % 127),
                                              -12 - static_cast<int>(g() % 5));
       }},
      {"zeros of both signs and empty columns",
       [=](std::mt19937& g, auto, std::int64_t c) {
         return c % 3 == 0 ? 0.0F : g() % 2 == 0 ? -0.0F : normal(g);
       }},
      {"few tiny elements",
       [](std::mt19937& g, auto, auto) {
         const float x = normal(g);
         return g() % 500 == 0 ? std::ldexp(x, -static_cast<int>(g() % 40)) : x;
       }},
      {"one tiny element in a column",
       [](std::mt19937& g, std::int64_t r, std::int64_t c) {
         return r == c % 50 ? std::ldexp(1.0F, -static_cast<int>(c % 120)) : normal(g);
       }},
      {"one huge element in a column",
       [](std::mt19937& g, std::int64_t r, std::int64_t c) {
         return r == c % 50 ? std::ldexp(1.0F, static_cast<int>(c % 60)) : normal(g);
       }},
      {"subnormal", [](std::mt19937& g, auto, auto) { return std::ldexp(normal(g), -128); }},
      {"subnormal beside huge",
       [](std::mt19937& g, std::int64_t r, std::int64_t c) {
         return std::ldexp(normal(g), r % 97 == c % 97 ? 60 : -127);
       }},
      {"any exponent",
       [=](std::mt19937& g, auto, auto) {
         return sign(g) *
                std::ldexp(1.0F + static_cast<float>(g() % 128) / 128.0F, static_cast<int>(g() % 100) - 50);
       }},
      {"heavy tails", [](std::mt19937& g, auto, auto) { return std::cauchy_distribution<float>()(g); }},
  };
}

Matrix make(const Case& how, std::int64_t n, std::int64_t d) {
  std::mt19937 generator(static_cast<std::uint32_t>(n + d));
  return make(n, d, [&](std::int64_t r, std::int64_t c) { return how.value(generator, r, c); });
}

// The chain of fused multiply-adds that accumulate() is defined by, and the sum with 64 bits.
struct Sums {
  double chain = 0.0;
  long double longer = 0.0L;
};
Sums sums_of(const Matrix& matrix, std::int64_t i, std::int64_t j) {
  Sums out;
  for (std::int64_t r = 0; r < matrix.n; ++r) {
    out.chain = std::fma(matrix.at(r, i), matrix.at(r, j), out.chain);
    out.longer += static_cast<long double>(matrix.at(r, i)) * matrix.at(r, j);
  }
  return out;
}

bool is_wide(const IntegerColumns& columns, std::int64_t c) {
  return (columns.group(c / kGroup).wide >> c % kGroup & 1U) != 0;
}

TEST_CASE("products of narrow columns are exact and those of the float64 chain", "[unit]") {
  for (const GramKernel kernel : kIntegerKernels) {
    if (!is_supported(kernel)) continue;
    for (const Case& how : cases()) {
      for (const std::int64_t n : {std::int64_t{1}, std::int64_t{65}, std::int64_t{383}, dense::kBlockRows}) {
        CAPTURE(std::string(name_of(kernel)), how.name, n);
        const Matrix matrix = make(how, n, 39);
        const auto rows = matrix.rows();
        IntegerColumns columns;
        columns.reserve(kernel, matrix.d);
        for (std::int64_t g = 0; g < columns.n_groups(); ++g) columns.pack(rows, g);
        REQUIRE(columns.all_finite());
        std::vector<IntegerColumns::Pair> pairs;
        for (std::int64_t k = 0; k < columns.n_groups() * columns.n_groups(); ++k)
          pairs.push_back({k / columns.n_groups(), k % columns.n_groups()});
        bool same = true;
        std::size_t n_pairs = 0;
        columns.multiply(rows, pairs, [&](std::size_t m, const dense::GroupProducts& products) {
          const auto& pair = pairs[m];
          ++n_pairs;
          for (std::int64_t k = 0; k < kGroup * kGroup; ++k) {
            const std::int64_t i = pair.left * kGroup + k % kGroup;
            const std::int64_t j = pair.right * kGroup + k / kGroup;
            if (i >= matrix.d || j >= matrix.d || is_wide(columns, i) || is_wide(columns, j)) continue;
            const Sums expected = sums_of(matrix, i, j);
            same = same && products[k] == expected.chain && products[k] == expected.longer;
          }
        });
        CHECK(n_pairs == pairs.size());
        CHECK(same);
      }
    }
  }
}

TEST_CASE("most columns are narrow and only unusual ones are wide", "[unit]") {
  const auto n_wide = [](const std::string& name) {
    for (const Case& how : cases()) {
      if (how.name != name) continue;
      const Matrix matrix = make(how, 384, 320);
      IntegerColumns columns;
      columns.reserve(GramKernel::integers, matrix.d);
      for (std::int64_t g = 0; g < columns.n_groups(); ++g) columns.pack(matrix.rows(), g);
      return columns.n_wide();
    }
    throw std::runtime_error("no case is named " + name);
  };
  CHECK(n_wide("normal") < 10);
  CHECK(n_wide("largest fraction") == 0);
  CHECK(n_wide("shifted, columns of other scales") == 0);
  CHECK(n_wide("subnormal") < 10);
  CHECK(n_wide("any exponent") == 320);
}

TEST_CASE("a column that is not finite is reported, and no other", "[unit]") {
  for (const float value :
       {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    Matrix matrix = make(cases()[0], 100, 40);
    matrix.x[70 * 40 + 20] = BFloat16::from_float(value);
    IntegerColumns columns;
    columns.reserve(dense::best_gram_kernel() == GramKernel::amx ? GramKernel::amx : GramKernel::integers,
                    40);
    for (std::int64_t g = 0; g < columns.n_groups(); ++g) columns.pack(matrix.rows(), g);
    CHECK(columns.group(0).finite);
    CHECK_FALSE(columns.group(1).finite);
    CHECK_FALSE(columns.all_finite());
    matrix.x[70 * 40 + 20] = BFloat16::from_float(1.0F);
    columns.pack(matrix.rows(), 1);
    CHECK(columns.all_finite());
  }
}

RidgeMoments moments_of(const Matrix& matrix, std::int64_t n_labels, const AccumulatorOptions& options,
                        std::int64_t block) {
  std::mt19937 generator(3);
  std::vector<float> labels;
  std::vector<RowGroup> groups;
  for (std::int64_t r = 0; r < matrix.n; ++r) {
    for (std::int64_t k = 0; k < n_labels; ++k)
      labels.push_back(k > 0 && r % 2 == 0 ? std::numeric_limits<float>::quiet_NaN() : normal(generator));
    groups.push_back(r % 5 == 0 ? kValidationRow : kTrainRow);
  }
  RidgeAccumulator accumulator(matrix.d, n_labels, options);
  for (std::int64_t begin = 0; begin < matrix.n; begin += block) {
    const std::int64_t size = std::min(block, matrix.n - begin);
    accumulator.add_block(
        MatrixView<const BFloat16>(matrix.x.data() + begin * matrix.d, size, matrix.d),
        MatrixView<const float>(labels.data() + begin * n_labels, size, n_labels),
        std::span(groups).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(size)));
  }
  return accumulator.finish();
}

bool same_bits(const RidgeMoments& a, const RidgeMoments& b) {
  return a.blocks().size() == b.blocks().size() &&
         std::equal(a.blocks().begin(), a.blocks().end(), b.blocks().begin(),
                    [](const auto& x, const auto& y) {
                      const auto bits = [](double value) { return std::bit_cast<std::uint64_t>(value); };
                      return x.first == y.first && x.second.n_rows == y.second.n_rows &&
                             std::ranges::equal(x.second.lower, y.second.lower, {}, bits, bits);
                    });
}

TEST_CASE("every kernel gives the moments the same bits, however they are computed", "[unit]") {
  for (const Case& how : cases()) {
    // Several stripes, several chunks of a pattern, and columns that fill neither groups nor panels.
    const Matrix matrix = make(how, 1300, 219);
    const RidgeMoments expected =
        moments_of(matrix, 3, {.n_threads = 1, .kernel = GramKernel::float64}, matrix.n);
    for (const GramKernel kernel : kIntegerKernels) {
      if (!is_supported(kernel)) continue;
      for (const int n_threads : {1, 3}) {
        CAPTURE(how.name, std::string(name_of(kernel)), n_threads);
        const std::int64_t block = n_threads == 1 ? 1300 : 500;
        CHECK(same_bits(moments_of(matrix, 3, {.n_threads = n_threads, .kernel = kernel}, block), expected));
      }
    }
  }
}

TEST_CASE("every kernel gives the same bits for any number of features and labels", "[unit]") {
  for (const std::int64_t d : {1, 7, 16, 24, 33, 192, 200}) {
    for (const std::int64_t n_labels : {1, 8, 20}) {
      const Matrix matrix = make(cases()[0], 900, d);
      const RidgeMoments expected = moments_of(matrix, n_labels, {.kernel = GramKernel::float64}, 900);
      for (const GramKernel kernel : kIntegerKernels) {
        if (!is_supported(kernel)) continue;
        CAPTURE(d, n_labels, std::string(name_of(kernel)));
        CHECK(same_bits(moments_of(matrix, n_labels, {.n_threads = 2, .kernel = kernel}, 900), expected));
      }
    }
  }
}

TEST_CASE("every kernel names the row that is not finite", "[unit]") {
  Matrix matrix = make(cases()[0], 1700, 300);
  matrix.x[1204 * 300 + 222] = BFloat16::from_float(std::numeric_limits<float>::infinity());
  for (const GramKernel kernel : {GramKernel::float64, GramKernel::integers, GramKernel::amx}) {
    if (!is_supported(kernel)) continue;
    const std::string message = test::error_of(
        [&] { moments_of(matrix, 1, {.n_threads = 2, .kernel = kernel}, 1700); }, ErrorKind::data);
    CHECK_THAT(message, Catch::Contains("row 1204 ") && Catch::Contains("column 222"));
  }
}

}  // namespace
}  // namespace armorm::linear
