#include "linear/dense/band_solver.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "linear/dense/dense.h"
#include "linear/dense/tile_kernel.h"

namespace armorm::linear::dense {
namespace {

constexpr std::int64_t kWidth = kBand + 1;

double dot(const double* x, const double* y, std::int64_t n) { return tile_kernels().dot(n, x, y); }

void add_multiple(double factor, const double* x, std::int64_t n, double* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] += factor * x[i];
}

}  // namespace

std::optional<BandSolver> BandSolver::reduce(std::span<const double> g, std::int64_t n,
                                             double smallest_alpha) {
  BandReduction reduction(g, n);
  BandSolver solver(n);
  solver.band_ = std::move(reduction.band);
  solver.reflectors_ = std::move(reduction.reflectors);
  solver.vectors_ = std::move(reduction.vectors);
  if (!solver.factorise(smallest_alpha - kMargin * solver.norm())) return std::nullopt;
  return solver;
}

// Largest absolute row sum.
double BandSolver::norm() const {
  std::vector<double> sums(static_cast<std::size_t>(n_));
  for (std::int64_t j = 0; j < n_; ++j) {
    for (std::int64_t d = 0; d < std::min(kWidth, n_ - j); ++d) {
      const double value = std::abs(band_[j * kWidth + d]);
      sums[j] += value;
      if (d > 0) sums[j + d] += value;
    }
  }
  return *std::max_element(sums.begin(), sums.end());
}

// Without pivoting. Where it succeeds, B + shift I is positive definite and the factorisation is stable.
std::optional<BandSolver::Factor> BandSolver::factorise(double shift) const {
  Factor factor = band_;
  for (std::int64_t j = 0; j < n_; ++j) factor[j * kWidth] += shift;
  for (std::int64_t j = 0; j < n_; ++j) {
    double* column = factor.data() + j * kWidth;
    const double pivot = column[0];
    if (!(pivot > 0.0)) return std::nullopt;
    std::array<double, kWidth> values{};
    std::copy_n(column, kWidth, values.begin());
    for (std::int64_t d = 1; d < std::min(kWidth, n_ - j); ++d) {
      column[d] = values[d] / pivot;
      add_multiple(-column[d], values.data() + d, kWidth - d, column + d * kWidth);
    }
  }
  return factor;
}

void BandSolver::solve(double alpha, std::span<double> vectors) const {
  const std::optional<Factor> factor = factorise(alpha);
  if (!factor)
    fail_internal("ridge: alpha {} is below the smallest one that the band was checked for", alpha);
  for (std::size_t first = 0; first < vectors.size(); first += static_cast<std::size_t>(n_)) {
    double* v = vectors.data() + first;
    for (std::int64_t j = 0; j < n_; ++j) {
      add_multiple(-v[j], factor->data() + j * kWidth + 1, std::min(kBand, n_ - j - 1), v + j + 1);
    }
    for (std::int64_t j = n_ - 1; j >= 0; --j) {
      const double* column = factor->data() + j * kWidth;
      v[j] = v[j] / column[0] - dot(column + 1, v + j + 1, std::min(kBand, n_ - j - 1));
    }
  }
}

// v becomes (I - V T V') v, or (I - V T' V') v.
void BandSolver::apply(const BlockReflector& reflector, bool transpose, std::span<double> vectors) const {
  const std::int64_t count = static_cast<std::int64_t>(vectors.size()) / n_;
  const std::int64_t rows = n_ - reflector.first;
  double* tails = vectors.data() + reflector.first;
  std::vector<double> products(static_cast<std::size_t>(count * kBand));
  gemm(false, true, count, kBand, rows, 1.0, tails, n_, reflector.v, rows, 0.0, products.data(), kBand);
  std::vector<double> scaled(products.size());
  gemm(false, !transpose, count, kBand, kBand, 1.0, products.data(), kBand, reflector.t.data(), kBand, 0.0,
       scaled.data(), kBand);
  gemm(false, false, count, rows, kBand, -1.0, scaled.data(), kBand, reflector.v, rows, 1.0, tails, n_);
}

void BandSolver::rotate(std::span<double> vectors) const {
  for (const BlockReflector& reflector : reflectors_) apply(reflector, true, vectors);
}

void BandSolver::unrotate(std::span<double> vectors) const {
  for (auto reflector = reflectors_.rbegin(); reflector != reflectors_.rend(); ++reflector) {
    apply(*reflector, false, vectors);
  }
}

}  // namespace armorm::linear::dense
