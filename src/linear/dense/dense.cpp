#include "linear/dense/dense.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <numeric>

#include "core/error.h"
#include "linear/dense/blas_library.h"

namespace armorm::linear::dense {
namespace {

[[maybe_unused]] int as_int(std::int64_t n) {
  if (n > std::numeric_limits<int>::max())
    fail_usage("ridge: a matrix dimension of {} is too large for LAPACK", n);
  return static_cast<int>(n);
}

#if defined(ARMORM_OPENBLAS)
// OpenBLAS 0.3.21 rarely gives wrong results when these routines run on several threads at once (9 of 4,345
// runs of a two-thread solve here). They therefore run one at a time, on the calling thread alone; other work
// of the pool continues meanwhile.
class LapackTurn {
 public:
  LapackTurn() : lock_(mutex()), previous_(blas_library().get_num_threads()) {
    blas_library().set_num_threads(1);
  }
  ~LapackTurn() {
    if (previous_ > 0) blas_library().set_num_threads(previous_);
  }
  LapackTurn(const LapackTurn&) = delete;
  LapackTurn& operator=(const LapackTurn&) = delete;

 private:
  static std::recursive_mutex& mutex() {
    static std::recursive_mutex turn;  // recursive: decompose() applies reflectors while it holds the mutex
    return turn;
  }
  std::lock_guard<std::recursive_mutex> lock_;
  int previous_;
};
#endif

[[maybe_unused]] void check_info(const char* routine, int info) {
  if (info != 0) fail_internal("ridge: {} failed with info {}", routine, info);
}

#if !defined(ARMORM_OPENBLAS)
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ConstMap = Eigen::Map<const Matrix>;
using Map = Eigen::Map<Matrix>;
#endif

}  // namespace

#if defined(ARMORM_OPENBLAS)

void ShiftedSolver::decompose(double smallest_alpha) {
  const LapackTurn turn;
  const int n = as_int(n_);
  tau_.resize(static_cast<std::size_t>(std::max<std::int64_t>(n_ - 1, 1)));
  off_diagonal_.resize(tau_.size());
  int info = 0;
  int size = -1;
  double wanted = 0.0;
  blas_library().dsytrd("U", &n, reflectors_.data(), &n, diagonal_.data(), off_diagonal_.data(), tau_.data(),
                        &wanted, &size, &info);
  size = std::max(1, static_cast<int>(wanted));
  std::vector<double> work(static_cast<std::size_t>(size));
  blas_library().dsytrd("U", &n, reflectors_.data(), &n, diagonal_.data(), off_diagonal_.data(), tau_.data(),
                        work.data(), &size, &info);
  check_info("dsytrd", info);
  if (!well_conditioned(smallest_alpha)) diagonalise();
}

void ShiftedSolver::diagonalise() {
  const int n = as_int(n_);
  vectors_.resize(static_cast<std::size_t>(n_ * n_));
  const int size = as_int(1 + 4 * n_ + n_ * n_);
  const int integers = as_int(3 + 5 * n_);
  std::vector<double> work(static_cast<std::size_t>(size));
  std::vector<int> integer_work(static_cast<std::size_t>(integers));
  int info = 0;
  blas_library().dstedc("I", &n, diagonal_.data(), off_diagonal_.data(), vectors_.data(), &n, work.data(),
                        &size, integer_work.data(), &integers, &info);
  check_info("dstedc", info);
  work = {};
  apply(false, vectors_);
  reflectors_ = {};
  off_diagonal_ = {};
}

void ShiftedSolver::apply(bool transpose, std::span<double> vectors) const {
  const LapackTurn turn;
  const int n = as_int(n_);
  const int count = as_int(static_cast<std::int64_t>(vectors.size()) / n_);
  const char* direction = transpose ? "T" : "N";
  int info = 0;
  int size = -1;
  double wanted = 0.0;
  blas_library().dormtr("L", "U", direction, &n, &count, reflectors_.data(), &n, tau_.data(), vectors.data(),
                        &n, &wanted, &size, &info);
  size = std::max(1, static_cast<int>(wanted));
  std::vector<double> work(static_cast<std::size_t>(size));
  blas_library().dormtr("L", "U", direction, &n, &count, reflectors_.data(), &n, tau_.data(), vectors.data(),
                        &n, work.data(), &size, &info);
  check_info("dormtr", info);
}

#else

void ShiftedSolver::decompose(double /*smallest_alpha*/) { diagonalise(); }

void ShiftedSolver::diagonalise() {
  Matrix full = ConstMap(reflectors_.data(), n_, n_).selfadjointView<Eigen::Lower>();
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(full);
  if (solver.info() != Eigen::Success) fail_internal("ridge: the eigendecomposition did not converge");
  std::copy_n(solver.eigenvalues().data(), n_, diagonal_.begin());
  vectors_.resize(static_cast<std::size_t>(n_ * n_));
  Map(vectors_.data(), n_, n_) = solver.eigenvectors().transpose();
  reflectors_ = {};
}

void ShiftedSolver::apply(bool /*transpose*/, std::span<double> /*vectors*/) const {
  fail_internal("ridge: no Householder vectors without LAPACK");
}

#endif

void symmetric_times(std::int64_t n, const double* g, std::int64_t stride, std::int64_t m,
                     const double* vectors, double* out) {
  constexpr std::int64_t kBlock = 128;
  std::vector<double> diagonal(static_cast<std::size_t>(kBlock * kBlock));
  for (std::int64_t first = 0; first < n; first += kBlock) {
    const std::int64_t size = std::min(kBlock, n - first);
    const double* rows = g + first * stride;
    for (std::int64_t i = 0; i < size; ++i) {
      for (std::int64_t j = 0; j <= i; ++j)
        diagonal[i * kBlock + j] = diagonal[j * kBlock + i] = rows[i * stride + first + j];
    }
    gemm(false, false, m, size, size, 1.0, vectors + first, n, diagonal.data(), kBlock, 0.0, out + first, n);
    if (first == 0) continue;
    // The block row below the diagonal and its mirror, the block column.
    gemm(false, true, m, size, first, 1.0, vectors, n, rows, stride, 1.0, out + first, n);
    gemm(false, false, m, first, size, 1.0, vectors + first, n, rows, stride, 1.0, out, n);
  }
}

void products(std::int64_t n, std::int64_t n_rows, const double* rows, std::int64_t m, const double* vectors,
              double* out) {
  gemm(false, true, n_rows, m, n, 1.0, rows, n, vectors, n, 0.0, out, m);
}

void combinations(std::int64_t n, std::int64_t n_rows, const double* coefficients, const double* vectors,
                  double* out) {
  gemm(false, false, n_rows, n, n, 1.0, coefficients, n, vectors, n, 0.0, out, n);
}

ShiftedSolver::ShiftedSolver(std::vector<double> g, std::int64_t n, double smallest_alpha)
    : n_(n), reflectors_(std::move(g)), diagonal_(static_cast<std::size_t>(n)) {
  decompose(smallest_alpha);
  if (!diagonalised()) return;
  const double largest = *std::max_element(diagonal_.begin(), diagonal_.end());
  noise_level_ = static_cast<double>(n_) * std::numeric_limits<double>::epsilon() * std::max(largest, 0.0);
  // A Gram matrix has no negative eigenvalue.
  for (double& value : diagonal_) value = std::max(value, 0.0);
}

// Whether every eigenvalue of T + shift I is at least kMargin times the norm of T, from the signs of the
// pivots of T + (shift - kMargin ||T||) I. Solves then lose at most eight of sixteen digits.
bool ShiftedSolver::well_conditioned(double shift) const {
  constexpr double kMargin = 1e-8;
  double norm = 0.0;
  for (std::int64_t i = 0; i < n_; ++i) {
    const double left = i > 0 ? std::abs(off_diagonal_[i - 1]) : 0.0;
    const double right = i + 1 < n_ ? std::abs(off_diagonal_[i]) : 0.0;
    norm = std::max(norm, std::abs(diagonal_[i]) + left + right);
  }
  const double moved = shift - kMargin * norm;
  double pivot = diagonal_[0] + moved;
  for (std::int64_t i = 1; i < n_ && pivot > 0.0; ++i) {
    pivot = diagonal_[i] + moved - off_diagonal_[i - 1] * off_diagonal_[i - 1] / pivot;
  }
  return pivot > 0.0;
}

void ShiftedSolver::rotate(std::span<double> vectors) const {
  if (!diagonalised()) {
    apply(true, vectors);
    return;
  }
  const std::vector<double> copy(vectors.begin(), vectors.end());
  products(n_, static_cast<std::int64_t>(copy.size()) / n_, copy.data(), n_, vectors_.data(), vectors.data());
}

void ShiftedSolver::unrotate(std::span<double> vectors) const {
  if (!diagonalised()) {
    apply(false, vectors);
    return;
  }
  const std::vector<double> copy(vectors.begin(), vectors.end());
  combinations(n_, static_cast<std::int64_t>(copy.size()) / n_, copy.data(), vectors_.data(), vectors.data());
}

void ShiftedSolver::solve(double alpha, std::span<double> v) const {
  if (diagonalised()) {
    const bool drop = alpha < noise_level_;
    for (std::int64_t i = 0; i < n_; ++i) {
      v[i] = drop && diagonal_[i] <= noise_level_ ? 0.0 : v[i] / (diagonal_[i] + alpha);
    }
    return;
  }
  // T + alpha I = L D L' without pivoting, stable because it is positive definite.
  std::vector<double> pivots(static_cast<std::size_t>(n_));
  pivots[0] = diagonal_[0] + alpha;
  for (std::int64_t i = 1; i < n_; ++i) {
    const double factor = off_diagonal_[i - 1] / pivots[i - 1];
    pivots[i] = diagonal_[i] + alpha - factor * off_diagonal_[i - 1];
    v[i] -= factor * v[i - 1];
  }
  v[n_ - 1] /= pivots[n_ - 1];
  for (std::int64_t i = n_ - 2; i >= 0; --i) v[i] = (v[i] - off_diagonal_[i] * v[i + 1]) / pivots[i];
}

double ShiftedSolver::quadratic_form(double alpha, std::span<const double> v) const {
  double sum = 0.0;
  if (diagonalised()) {
    const bool drop = alpha < noise_level_;
    for (std::int64_t i = 0; i < n_; ++i) {
      if (!(drop && diagonal_[i] <= noise_level_)) sum += v[i] * v[i] / (diagonal_[i] + alpha);
    }
    return sum;
  }
  double pivot = diagonal_[0] + alpha;
  double forward = v[0];
  sum = forward * forward / pivot;
  for (std::int64_t i = 1; i < n_; ++i) {
    const double factor = off_diagonal_[i - 1] / pivot;
    pivot = diagonal_[i] + alpha - factor * off_diagonal_[i - 1];
    forward = v[i] - factor * forward;
    sum += forward * forward / pivot;
  }
  return sum;
}

}  // namespace armorm::linear::dense
