// The dense float64 operations behind ridge regression. Products use our own kernels (tile_kernel.h).
// Decompositions other than the band's use LAPACK where the build found it (OpenBLAS), else Eigen. All
// functions may be called from several threads at once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace armorm::linear::dense {

// Symmetric matrices are [n, n], row-major, and only their lower triangle is read. Sets of m vectors of
// length n are [m, n], row-major: one vector after another.

// c = alpha op(a) op(b) + beta c with c [m, n], op(a) [m, k], op(b) [k, n]; op is the matrix or its
// transpose. All row-major; lda, ldb, ldc are the lengths of the stored rows. c is not read when beta is
// zero.
void gemm(bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k, double alpha,
          const double* a, std::int64_t lda, const double* b, std::int64_t ldb, double beta, double* c,
          std::int64_t ldc);

// out = G v for each of the vectors; g has rows of length `stride`.
void symmetric_times(std::int64_t n, const double* g, std::int64_t stride, std::int64_t m,
                     const double* vectors, double* out);

// out[r, c] = rows[r] . vectors[c], rows [n_rows, n], vectors [m, n], out [n_rows, m].
void products(std::int64_t n, std::int64_t n_rows, const double* rows, std::int64_t m, const double* vectors,
              double* out);

// out[r] = Σ_c coefficients[r, c] vectors[c], coefficients [n_rows, n], vectors [n, n], out [n_rows, n].
void combinations(std::int64_t n, std::int64_t n_rows, const double* coefficients, const double* vectors,
                  double* out);

// Solves (G + alpha I) x = b for many alphas at the cost of one decomposition.
//
// G = Q T Q' with T tridiagonal (Householder). A solve then costs O(n), and Q is applied only to the vectors
// of the solve. Where T + alpha I is close to singular in float64, T is diagonalised as well (divide and
// conquer); if alpha is also below the noise level, components that float64 cannot distinguish from zero are
// left out.
class ShiftedSolver {
 public:
  // `smallest_alpha`: the smallest shift that solve() will get.
  ShiftedSolver(std::vector<double> g, std::int64_t n, double smallest_alpha);

  std::int64_t size() const noexcept { return n_; }
  bool diagonalised() const noexcept { return off_diagonal_.empty(); }
  void rotate(std::span<double> vectors) const;    // each v becomes Q' v
  void unrotate(std::span<double> vectors) const;  // each v becomes Q v
  // v becomes (T + alpha I)^-1 v; v is one rotated vector.
  void solve(double alpha, std::span<double> v) const;
  // v' (T + alpha I)^-1 v for a rotated vector v.
  double quadratic_form(double alpha, std::span<const double> v) const;

 private:
  bool well_conditioned(double shift) const;
  void decompose(double smallest_alpha);
  void diagonalise();
  void apply(bool transpose, std::span<double> vectors) const;

  std::int64_t n_;
  std::vector<double> reflectors_;  // Householder vectors as LAPACK's dsytrd leaves them
  std::vector<double> tau_;
  std::vector<double> diagonal_;      // diagonal of T, or the eigenvalues
  std::vector<double> off_diagonal_;  // off-diagonal of T; empty when diagonalised
  std::vector<double> vectors_;       // eigenvectors of G [n, n], one after another; empty when tridiagonal
  double noise_level_ = 0.0;          // eigenvalues below it are rounding noise
};

}  // namespace armorm::linear::dense
