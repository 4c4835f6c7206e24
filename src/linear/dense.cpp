#include "linear/dense.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <numeric>

#include "armorm/core/error.h"

#if defined(ARMORM_WITH_LAPACK)
// The Fortran interface: matrices by columns, so a row-major lower triangle is an upper one here, and a
// row-major [m, n] set of vectors has one vector in each column.
extern "C" {
void dsymm_(const char* side, const char* uplo, const int* m, const int* n, const double* alpha,
            const double* a, const int* lda, const double* b, const int* ldb, const double* beta, double* c,
            const int* ldc);
void dgemm_(const char* transa, const char* transb, const int* m, const int* n, const int* k,
            const double* alpha, const double* a, const int* lda, const double* b, const int* ldb,
            const double* beta, double* c, const int* ldc);
void dsytrd_(const char* uplo, const int* n, double* a, const int* lda, double* d, double* e, double* tau,
             double* work, const int* lwork, int* info);
void dormtr_(const char* side, const char* uplo, const char* trans, const int* m, const int* n,
             const double* a, const int* lda, const double* tau, double* c, const int* ldc, double* work,
             const int* lwork, int* info);
void dstedc_(const char* compz, const int* n, double* d, double* e, double* z, const int* ldz, double* work,
             const int* lwork, int* iwork, const int* liwork, int* info);
// Of OpenBLAS; absent from other libraries.
int openblas_get_num_threads() __attribute__((weak));
void openblas_set_num_threads(int n) __attribute__((weak));
}
#endif

namespace armorm::dense {
namespace {

[[maybe_unused]] int as_int(std::int64_t n) {
  if (n > std::numeric_limits<int>::max())
    fail_usage("ridge: a matrix dimension of {} is too large for LAPACK", n);
  return static_cast<int>(n);
}

#if defined(ARMORM_WITH_LAPACK)
// OpenBLAS 0.3.21 gives wrong results, rarely, when these routines run on several threads at once (9 of 4,345 runs of a
// two-thread solve here), so each takes its turn; the pool's other work goes on beside it.
std::recursive_mutex& lapack_turn() {
  static std::recursive_mutex turn;  // decompose() applies reflectors inside its own turn
  return turn;
}
#endif

[[maybe_unused]] void check_info(const char* routine, int info) {
  if (info != 0) fail_internal("ridge: {} failed with info {}", routine, info);
}

#if !defined(ARMORM_WITH_LAPACK)
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ConstMap = Eigen::Map<const Matrix>;
using Map = Eigen::Map<Matrix>;
#endif

}  // namespace

#if defined(ARMORM_WITH_LAPACK)

SingleThreadedBlas::SingleThreadedBlas() {
  if (openblas_get_num_threads == nullptr || openblas_set_num_threads == nullptr) return;
  previous_ = openblas_get_num_threads();
  openblas_set_num_threads(1);
}

SingleThreadedBlas::~SingleThreadedBlas() {
  if (previous_ > 0) openblas_set_num_threads(previous_);
}

void symmetric_times(std::int64_t n, const double* g, std::int64_t m, const double* vectors, double* out) {
  if (m == 0) return;
  const int size = as_int(n);
  const int count = as_int(m);
  const double one = 1.0;
  const double zero = 0.0;
  const std::lock_guard turn(lapack_turn());
  dsymm_("L", "U", &size, &count, &one, g, &size, vectors, &size, &zero, out, &size);
}

void products(std::int64_t n, std::int64_t n_rows, const double* rows, std::int64_t m, const double* vectors,
              double* out) {
  if (m == 0 || n_rows == 0) return;
  const int size = as_int(n);
  const int count = as_int(m);
  const int rows_count = as_int(n_rows);
  const double one = 1.0;
  const double zero = 0.0;
  dgemm_("T", "N", &count, &rows_count, &size, &one, vectors, &size, rows, &size, &zero, out, &count);
}

void combinations(std::int64_t n, std::int64_t n_rows, const double* coefficients, const double* vectors,
                  double* out) {
  if (n_rows == 0) return;
  const int size = as_int(n);
  const int count = as_int(n_rows);
  const double one = 1.0;
  const double zero = 0.0;
  dgemm_("N", "N", &size, &count, &size, &one, vectors, &size, coefficients, &size, &zero, out, &size);
}

void ShiftedSolver::decompose(double smallest_alpha) {
  const std::lock_guard turn(lapack_turn());
  const int n = as_int(n_);
  tau_.resize(static_cast<std::size_t>(std::max<std::int64_t>(n_ - 1, 1)));
  off_diagonal_.resize(tau_.size());
  int info = 0;
  int size = -1;
  double wanted = 0.0;
  dsytrd_("U", &n, reflectors_.data(), &n, diagonal_.data(), off_diagonal_.data(), tau_.data(), &wanted,
          &size, &info);
  size = std::max(1, static_cast<int>(wanted));
  std::vector<double> work(static_cast<std::size_t>(size));
  dsytrd_("U", &n, reflectors_.data(), &n, diagonal_.data(), off_diagonal_.data(), tau_.data(), work.data(),
          &size, &info);
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
  dstedc_("I", &n, diagonal_.data(), off_diagonal_.data(), vectors_.data(), &n, work.data(), &size,
          integer_work.data(), &integers, &info);
  check_info("dstedc", info);
  work = {};
  apply(false, vectors_);
  reflectors_ = {};
  off_diagonal_ = {};
}

void ShiftedSolver::apply(bool transpose, std::span<double> vectors) const {
  const std::lock_guard turn(lapack_turn());
  const int n = as_int(n_);
  const int count = as_int(static_cast<std::int64_t>(vectors.size()) / n_);
  const char* direction = transpose ? "T" : "N";
  int info = 0;
  int size = -1;
  double wanted = 0.0;
  dormtr_("L", "U", direction, &n, &count, reflectors_.data(), &n, tau_.data(), vectors.data(), &n, &wanted,
          &size, &info);
  size = std::max(1, static_cast<int>(wanted));
  std::vector<double> work(static_cast<std::size_t>(size));
  dormtr_("L", "U", direction, &n, &count, reflectors_.data(), &n, tau_.data(), vectors.data(), &n,
          work.data(), &size, &info);
  check_info("dormtr", info);
}

#else

SingleThreadedBlas::SingleThreadedBlas() = default;
SingleThreadedBlas::~SingleThreadedBlas() = default;

void symmetric_times(std::int64_t n, const double* g, std::int64_t m, const double* vectors, double* out) {
  const auto symmetric = ConstMap(g, n, n).selfadjointView<Eigen::Lower>();
  Map(out, m, n).noalias() = ConstMap(vectors, m, n) * symmetric;
}

void products(std::int64_t n, std::int64_t n_rows, const double* rows, std::int64_t m, const double* vectors,
              double* out) {
  Map(out, n_rows, m).noalias() = ConstMap(rows, n_rows, n) * ConstMap(vectors, m, n).transpose();
}

void combinations(std::int64_t n, std::int64_t n_rows, const double* coefficients, const double* vectors,
                  double* out) {
  Map(out, n_rows, n).noalias() = ConstMap(coefficients, n_rows, n) * ConstMap(vectors, n, n);
}

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

ShiftedSolver::ShiftedSolver(std::vector<double> g, std::int64_t n, double smallest_alpha)
    : n_(n), reflectors_(std::move(g)), diagonal_(static_cast<std::size_t>(n)) {
  decompose(smallest_alpha);
  if (!diagonalised()) return;
  const double largest = *std::max_element(diagonal_.begin(), diagonal_.end());
  noise_level_ = static_cast<double>(n_) * std::numeric_limits<double>::epsilon() * std::max(largest, 0.0);
  // A Gram matrix has no negative eigenvalue.
  for (double& value : diagonal_) value = std::max(value, 0.0);
}

// Whether every eigenvalue of T + shift I is at least kMargin times the norm of T, by the signs of the pivots
// of T + (shift - kMargin ||T||) I. Solves then lose at most eight of sixteen digits.
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

}  // namespace armorm::dense
