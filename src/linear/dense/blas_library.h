// OpenBLAS, loaded apart from the program's other libraries: LibTorch exports a BLAS of its own under the
// same names, and whichever comes first in the program's scope would serve both, with the other's threads and
// kernels.
#pragma once

#include <string>

namespace armorm::dense {

// The Fortran interface: matrices by columns, so a row-major lower triangle is an upper one there, and a
// row-major [m, n] set of vectors has one vector in each column.
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

// Version and kernels of the OpenBLAS that is found at run time, for people to read; says so when there is
// none.
std::string blas_description();

}  // namespace armorm::dense
