#include "linear/band_solver.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "armorm/core/error.h"
#include "linear/dense.h"

namespace armorm::dense {
namespace {

constexpr std::int64_t kBand = BandSolver::kBand;
constexpr std::int64_t kWidth = kBand + 1;

// Eight sums that do not wait for each other.
double dot(const double* x, const double* y, std::int64_t n) {
  std::array<double, 8> sums{};
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (std::int64_t j = 0; j < 8; ++j) sums[j] += x[i + j] * y[i + j];
  }
  for (; i < n; ++i) sums[0] += x[i] * y[i];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

void add_multiple(double factor, const double* x, std::int64_t n, double* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] += factor * x[i];
}

// Householder vector of x [n]: x becomes (1, v), the return value is tau; beta is what (I - tau v v') x
// leaves in front.
double make_reflector(double* x, std::int64_t n, double& beta) {
  beta = n > 0 ? x[0] : 0.0;
  if (n < 1) return 0.0;
  const double rest = std::sqrt(dot(x + 1, x + 1, n - 1));
  const double front = x[0];
  x[0] = 1.0;
  if (rest == 0.0) return 0.0;
  beta = -std::copysign(std::hypot(front, rest), front);
  const double scale = 1.0 / (front - beta);
  for (std::int64_t i = 1; i < n; ++i) x[i] *= scale;
  return (beta - front) / beta;
}

// QR of a panel of kBand columns [kBand, rows], each contiguous. The panel becomes V with its zeros and ones;
// r [kBand, kBand] gets R, column after column; returns the taus.
std::array<double, kBand> factor_panel(std::int64_t rows, std::vector<double>& panel,
                                       std::vector<double>& r) {
  std::array<double, kBand> taus{};
  for (std::int64_t c = 0; c < kBand; ++c) {
    double* column = panel.data() + c * rows;
    const std::int64_t done = std::min(c, rows);
    std::copy_n(column, done, r.data() + c * kBand);
    std::fill_n(column, done, 0.0);
    double* v = column + done;
    double beta = 0.0;
    taus[c] = make_reflector(v, rows - done, beta);
    if (c < rows) r[c * kBand + c] = beta;
    for (std::int64_t next = c + 1; taus[c] != 0.0 && next < kBand; ++next) {
      double* other = panel.data() + next * rows + done;
      add_multiple(-taus[c] * dot(v, other, rows - done), v, rows - done, other);
    }
  }
  return taus;
}

// T of I - V T V' = (I - tau_0 v_0 v_0') (I - tau_1 v_1 v_1') ...
std::vector<double> triangle_of(std::int64_t rows, const std::vector<double>& v,
                                const std::array<double, kBand>& taus) {
  std::vector<double> products(kBand * kBand);
  gemm(false, true, kBand, kBand, rows, 1.0, v.data(), rows, v.data(), rows, 0.0, products.data(), kBand);
  std::vector<double> t(kBand * kBand);
  for (std::int64_t c = 0; c < kBand; ++c) {
    for (std::int64_t i = 0; i < c; ++i) {
      double sum = 0.0;
      for (std::int64_t j = i; j < c; ++j) sum += t[i * kBand + j] * products[j * kBand + c];
      t[i * kBand + c] = -taus[c] * sum;
    }
    t[c * kBand + c] = taus[c];
  }
  return t;
}

// s [n, n] of row length `stride`, lower triangle, becomes Q' S Q with Q = I - V T V':
// S - V W' - W V' with W = Y - V (T' V' Y) / 2 and Y = S V T. All n-vectors are rows here.
void update_two_sided(std::int64_t n, const std::vector<double>& v, const std::vector<double>& t, double* s,
                      std::int64_t stride) {
  const auto size = static_cast<std::size_t>(kBand * n);
  std::vector<double> sv(size);
  symmetric_times(n, s, stride, kBand, v.data(), sv.data());
  std::vector<double> vw(v);  // [2 kBand, n]: V, then W
  vw.resize(2 * size);
  double* w = vw.data() + size;
  gemm(true, false, kBand, n, kBand, 1.0, t.data(), kBand, sv.data(), n, 0.0, w, n);
  std::vector<double> vy(kBand * kBand);
  gemm(false, true, kBand, kBand, n, 1.0, v.data(), n, w, n, 0.0, vy.data(), kBand);
  std::vector<double> core(kBand * kBand);
  gemm(true, false, kBand, kBand, kBand, 1.0, t.data(), kBand, vy.data(), kBand, 0.0, core.data(), kBand);
  gemm(true, false, kBand, n, kBand, -0.5, core.data(), kBand, v.data(), n, 1.0, w, n);
  std::vector<double> wv(w, w + size);  // W, then V
  wv.insert(wv.end(), v.begin(), v.end());
  constexpr std::int64_t kRows = 128;
  for (std::int64_t row = 0; row < n; row += kRows) {
    const std::int64_t count = std::min(kRows, n - row);
    gemm(true, false, count, row + count, 2 * kBand, -1.0, vw.data() + row, n, wv.data(), n, 1.0,
         s + row * stride, stride);
  }
}

}  // namespace

BandSolver::BandSolver(std::int64_t n) : n_(n), band_(static_cast<std::size_t>(n * kWidth)) {}

void BandSolver::keep_diagonal_block(std::int64_t first, std::int64_t size, const std::vector<double>& a) {
  for (std::int64_t j = first; j < first + size; ++j) {
    for (std::int64_t i = j; i < first + size; ++i) band_[j * kWidth + i - j] = a[i * n_ + j];
  }
}

void BandSolver::keep_panel(std::int64_t first_column, std::int64_t rows, const std::vector<double>& r) {
  for (std::int64_t c = 0; c < kBand; ++c) {
    for (std::int64_t i = 0; i <= std::min(c, rows - 1); ++i) {
      band_[(first_column + c) * kWidth + kBand + i - c] = r[c * kBand + i];
    }
  }
}

void BandSolver::reduce_panel(std::int64_t first_column, std::vector<double>& a) {
  const std::int64_t first = first_column + kBand;
  const std::int64_t rows = n_ - first;
  std::vector<double> panel(static_cast<std::size_t>(kBand * rows));
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t c = 0; c < kBand; ++c) panel[c * rows + i] = a[(first + i) * n_ + first_column + c];
  }
  std::vector<double> r(kBand * kBand);
  const auto taus = factor_panel(rows, panel, r);
  keep_panel(first_column, rows, r);
  Reflector reflector{.first = first, .v = std::move(panel), .t = {}};
  reflector.t = triangle_of(rows, reflector.v, taus);
  update_two_sided(rows, reflector.v, reflector.t, a.data() + first * n_ + first, n_);
  reflectors_.push_back(std::move(reflector));
}

std::optional<BandSolver> BandSolver::reduce(std::span<const double> g, std::int64_t n,
                                             double smallest_alpha) {
  BandSolver solver(n);
  std::vector<double> a(g.begin(), g.end());
  std::int64_t first = 0;
  for (; first + kBand < n; first += kBand) {
    solver.keep_diagonal_block(first, kBand, a);
    solver.reduce_panel(first, a);
  }
  solver.keep_diagonal_block(first, n - first, a);
  if (!solver.factorise(smallest_alpha - kMargin * solver.norm())) return std::nullopt;
  return solver;
}

// Largest sum of a row's absolute values.
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

// Without pivoting, stable because B + shift I is positive definite where it succeeds.
std::optional<BandSolver::Factor> BandSolver::factorise(double shift) const {
  Factor factor = band_;
  for (std::int64_t j = 0; j < n_; ++j) factor[j * kWidth] += shift;
  for (std::int64_t j = 0; j < n_; ++j) {
    double* column = factor.data() + j * kWidth;
    const double pivot = column[0];
    if (!(pivot > 0.0)) return std::nullopt;
    std::array<double, kWidth> values;
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
void BandSolver::apply(const Reflector& reflector, bool transpose, std::span<double> vectors) const {
  const std::int64_t count = static_cast<std::int64_t>(vectors.size()) / n_;
  const std::int64_t rows = n_ - reflector.first;
  double* tails = vectors.data() + reflector.first;
  std::vector<double> products(static_cast<std::size_t>(count * kBand));
  gemm(false, true, count, kBand, rows, 1.0, tails, n_, reflector.v.data(), rows, 0.0, products.data(),
       kBand);
  std::vector<double> scaled(products.size());
  gemm(false, !transpose, count, kBand, kBand, 1.0, products.data(), kBand, reflector.t.data(), kBand, 0.0,
       scaled.data(), kBand);
  gemm(false, false, count, rows, kBand, -1.0, scaled.data(), kBand, reflector.v.data(), rows, 1.0, tails,
       n_);
}

void BandSolver::rotate(std::span<double> vectors) const {
  for (const Reflector& reflector : reflectors_) apply(reflector, true, vectors);
}

void BandSolver::unrotate(std::span<double> vectors) const {
  for (auto reflector = reflectors_.rbegin(); reflector != reflectors_.rend(); ++reflector) {
    apply(*reflector, false, vectors);
  }
}

}  // namespace armorm::dense
