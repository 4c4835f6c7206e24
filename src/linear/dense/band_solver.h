// Solves (G + alpha I) x = b for many alphas at the cost of one reduction of G to a band.
//
// G = Q B Q' with orthogonal Q and B symmetric of half-width kBand: one blocked Householder step for every
// kBand columns (Golub and Van Loan, Matrix Computations, 8.3; the first half of "two-stage" eigensolvers).
// In a reduction to tridiagonal form half of the work is matrix times vector; here nearly all of it is matrix
// products. A shift keeps the band, so each alpha costs one Cholesky factorisation of a band, O(D kBand²).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "linear/dense/band_reduction.h"

namespace armorm::linear::dense {

class BandSolver {
 public:
  static constexpr double kMargin = 1e-8;  // smallest eigenvalue of G + alpha I over the norm of G

  // g [n, n], row-major, lower triangle read. nullopt when G + smallest_alpha I is close to singular in
  // float64: an eigenvalue may be below kMargin times the norm.
  static std::optional<BandSolver> reduce(std::span<const double> g, std::int64_t n, double smallest_alpha);

  // `vectors`: vectors of length n, one after another. Const members may be called from several threads.
  void rotate(std::span<double> vectors) const;               // each v becomes Q' v
  void unrotate(std::span<double> vectors) const;             // each v becomes Q v
  void solve(double alpha, std::span<double> vectors) const;  // each v becomes (B + alpha I)^-1 v

 private:
  // B = L D L': D in column 0, L below it in the columns 1 .. kBand, laid out as band_.
  using Factor = std::vector<double>;

  explicit BandSolver(std::int64_t n) : n_(n) {}
  double norm() const;
  std::optional<Factor> factorise(double shift) const;  // nullopt when a pivot is not positive
  void apply(const BlockReflector& reflector, bool transpose, std::span<double> vectors) const;

  std::int64_t n_;
  std::vector<double> band_;  // element (j + d, j) of B at j (kBand + 1) + d
  std::vector<BlockReflector> reflectors_;
  LargeArray vectors_;  // memory of the reflectors' v
};

}  // namespace armorm::linear::dense
