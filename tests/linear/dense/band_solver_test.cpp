// Compared with Eigen's factorisations.
#include "linear/dense/band_solver.h"

#include <Eigen/Dense>
#include <algorithm>
#include <limits>
#include <random>

#include "linear/dense/dense.h"
#include "support/test_support.h"

namespace armorm::linear::dense {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

RowMajor random_matrix(std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
  std::mt19937_64 generator(seed);
  RowMajor out(rows, cols);
  for (Eigen::Index i = 0; i < out.size(); ++i)
    out.data()[i] = static_cast<double>(generator() >> 11) * 0x1p-52 - 1.0;
  return out;
}

// The lower triangle; the upper one is NaN, because it must not be read.
std::vector<double> lower_of(const RowMajor& g) {
  std::vector<double> out(g.data(), g.data() + g.size());
  for (Eigen::Index i = 0; i < g.rows(); ++i)
    for (Eigen::Index j = i + 1; j < g.cols(); ++j)
      out[static_cast<std::size_t>(i * g.cols() + j)] = std::numeric_limits<double>::quiet_NaN();
  return out;
}

// Largest ||found - expected|| / ||expected|| over three right-hand sides and some alphas.
double error_of_solves(const RowMajor& g, const BandSolver& solver) {
  const Eigen::Index n = g.rows();
  const RowMajor b = random_matrix(3, n, 99);
  double worst = 0.0;
  for (const double alpha : {1e-4, 1.0, 1e4}) {
    RowMajor found = b;
    const std::span<double> vectors(found.data(), static_cast<std::size_t>(found.size()));
    solver.rotate(vectors);
    solver.solve(alpha, vectors);
    solver.unrotate(vectors);
    const RowMajor shifted = g + alpha * RowMajor::Identity(n, n);
    const RowMajor expected = shifted.ldlt().solve(b.transpose()).transpose();
    for (Eigen::Index i = 0; i < 3; ++i)
      worst = std::max(worst, (found.row(i) - expected.row(i)).norm() / expected.row(i).norm());
  }
  return worst;
}

}  // namespace

TEST_CASE("band solves agree with a direct factorisation", "[unit]") {
  // Sizes around the edges of panels of 32 columns and tiles of 24 rows.
  for (const std::int64_t n :
       {1, 2, 24, 31, 32, 33, 34, 49, 63, 64, 65, 66, 72, 96, 97, 127, 130, 200, 300}) {
    CAPTURE(n);
    const RowMajor x = random_matrix(2 * n, n, static_cast<std::uint64_t>(n));
    const RowMajor g = x.transpose() * x;
    const auto solver = BandSolver::reduce(lower_of(g), n, 1e-4);
    REQUIRE(solver);
    CHECK(error_of_solves(g, *solver) < 1e-11);
  }
}

TEST_CASE("columns that need no reflection are left alone", "[unit]") {
  const std::int64_t n = 100;
  RowMajor diagonal = RowMajor::Zero(n, n);
  for (Eigen::Index i = 0; i < n; ++i) diagonal(i, i) = 1.0 + static_cast<double>(i);
  RowMajor one_pair = diagonal;  // far outside the band
  one_pair(90, 3) = one_pair(3, 90) = 0.5;
  RowMajor empty_column = one_pair;
  empty_column.row(40).setZero();
  empty_column.col(40).setZero();
  for (const RowMajor& g : {diagonal, one_pair, empty_column}) {
    const auto solver = BandSolver::reduce(lower_of(g), n, 1e-4);
    REQUIRE(solver);
    CHECK(error_of_solves(g, *solver) < 1e-12);
  }
}

TEST_CASE("rotations are orthogonal", "[unit]") {
  const std::int64_t n = 150;
  const RowMajor x = random_matrix(n, n, 5);
  const auto solver = BandSolver::reduce(lower_of(x.transpose() * x), n, 1.0);
  REQUIRE(solver);
  RowMajor q = RowMajor::Identity(n, n);
  solver->unrotate({q.data(), static_cast<std::size_t>(q.size())});
  CHECK((q * q.transpose() - RowMajor::Identity(n, n)).norm() < 1e-12);
  solver->rotate({q.data(), static_cast<std::size_t>(q.size())});
  CHECK((q - RowMajor::Identity(n, n)).norm() < 1e-12);
}

TEST_CASE("a matrix close to singular is refused, and only then", "[unit]") {
  const std::int64_t n = 80;
  const RowMajor x = random_matrix(n / 2, n, 6);  // rank 40
  const RowMajor g = x.transpose() * x;
  const double norm = g.norm();
  CHECK_FALSE(BandSolver::reduce(lower_of(g), n, 1e-10 * norm));
  const auto solver = BandSolver::reduce(lower_of(g), n, 1e-6 * norm);
  REQUIRE(solver);
  RowMajor found = x.row(0);
  const std::span<double> vector(found.data(), static_cast<std::size_t>(n));
  const double alpha = 1e-6 * norm;
  solver->rotate(vector);
  solver->solve(alpha, vector);
  solver->unrotate(vector);
  // x_0 is in the row space, where (X'X + alpha I)^-1 X' = X' (XX' + alpha I)^-1 is well conditioned.
  const RowMajor inner = x * x.transpose() + alpha * RowMajor::Identity(n / 2, n / 2);
  const Eigen::VectorXd expected = x.transpose() * inner.ldlt().solve(Eigen::VectorXd::Unit(n / 2, 0));
  CHECK((found.row(0).transpose() - expected).norm() < 1e-9 * expected.norm());
}

TEST_CASE("products of strided matrices agree with Eigen's", "[unit]") {
  struct Shape {
    std::int64_t m, n, k;
  };
  const bool transpose_a = GENERATE(false, true);
  const bool transpose_b = GENERATE(false, true);
  // The second shape needs several blocks in each direction, with remainders.
  const Shape shape = GENERATE(Shape{5, 7, 150}, Shape{133, 203, 517}, Shape{8, 24, 0}, Shape{1, 192, 256});
  const std::int64_t stride = std::max({shape.m, shape.n, shape.k}) + 3;
  CAPTURE(transpose_a, transpose_b, shape.m, shape.n, shape.k);
  const RowMajor a = random_matrix(transpose_a ? shape.k : shape.m, stride, 1);
  const RowMajor b = random_matrix(transpose_b ? shape.n : shape.k, stride, 2);
  const RowMajor c = random_matrix(shape.m, stride, 3);
  const RowMajor left =
      transpose_a ? RowMajor(a.leftCols(shape.m).transpose()) : RowMajor(a.leftCols(shape.k));
  const RowMajor right =
      transpose_b ? RowMajor(b.leftCols(shape.k).transpose()) : RowMajor(b.leftCols(shape.n));
  for (const double beta : {0.0, 1.0, -0.5}) {
    RowMajor found = c;
    // Values that are overwritten must not be read.
    if (beta == 0.0) found.leftCols(shape.n).setConstant(std::numeric_limits<double>::quiet_NaN());
    gemm(transpose_a, transpose_b, shape.m, shape.n, shape.k, 2.0, a.data(), stride, b.data(), stride, beta,
         found.data(), stride);
    RowMajor expected = c;
    expected.leftCols(shape.n) = 2.0 * left * right + beta * c.leftCols(shape.n);
    CHECK((found - expected).norm() < 1e-11);
  }
}

TEST_CASE("products with a symmetric matrix read its lower triangle alone", "[unit]") {
  for (const std::int64_t n : {1, 127, 128, 129, 300}) {
    CAPTURE(n);
    const RowMajor x = random_matrix(n, n, 4);
    const RowMajor g = x + x.transpose();
    const RowMajor vectors = random_matrix(4, n, 5);
    RowMajor found(4, n);
    symmetric_times(n, lower_of(g).data(), n, 4, vectors.data(), found.data());
    CHECK((found - vectors * g).norm() < 1e-11);
  }
}

}  // namespace armorm::linear::dense
