// OpenBLAS, loaded apart from the program's other libraries. LibTorch exports a BLAS with the same symbol
// names; with ordinary linking the first one loaded would serve both, with the threads and kernels of the
// wrong one.
#pragma once

#include <string>

namespace armorm::linear::dense {

// The Fortran interface is column-major: a row-major lower triangle is an upper triangle there, and a
// row-major [m, n] set of vectors has one vector per column.
struct BlasLibrary {
  void (*dsytrd)(const char* uplo, const int* n, double* a, const int* lda, double* d, double* e, double* tau,
                 double* work, const int* lwork, int* info) = nullptr;
  void (*dormtr)(const char* side, const char* uplo, const char* trans, const int* m, const int* n,
                 const double* a, const int* lda, const double* tau, double* c, const int* ldc, double* work,
                 const int* lwork, int* info) = nullptr;
  void (*dstedc)(const char* compz, const int* n, double* d, double* e, double* z, const int* ldz,
                 double* work, const int* lwork, int* iwork, const int* liwork, int* info) = nullptr;
  int (*get_num_threads)() = nullptr;
  void (*set_num_threads)(int n) = nullptr;
  char* (*get_config)() = nullptr;
};

// Loaded at the first call; io error when the library is not there. Thread-safe.
const BlasLibrary& blas_library();

// Version and kernels of the OpenBLAS found at run time, for logs; says so when there is none.
std::string blas_description();

}  // namespace armorm::linear::dense
