#include "linear/dense/blas_library.h"

#if defined(ARMORM_OPENBLAS)

#include <dlfcn.h>

#include <cstdlib>

#include "core/error.h"

namespace armorm::linear::dense {
namespace {

constexpr const char* kCoreType = "OPENBLAS_CORETYPE";

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kScope = RTLD_LOCAL;  // symbols inside must resolve to the sanitizer's runtime
#else
constexpr int kScope = RTLD_LOCAL | RTLD_DEEPBIND;  // OpenBLAS must call its own functions
#endif

// OpenBLAS 0.3.21 takes an AMD processor with AVX-512 for one with AVX2. It chooses its kernels while it is
// loaded.
class CoreTypeHint {
 public:
  CoreTypeHint() {
    if (given_) ::setenv(kCoreType, "SkylakeX", 1);
  }
  ~CoreTypeHint() {
    if (given_) ::unsetenv(kCoreType);
  }
  CoreTypeHint(const CoreTypeHint&) = delete;
  CoreTypeHint& operator=(const CoreTypeHint&) = delete;

 private:
  static bool is_needed() {
#if defined(__x86_64__)
    return std::getenv(kCoreType) == nullptr && __builtin_cpu_is("amd") &&
           __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#else
    return false;
#endif
  }

  const bool given_ = is_needed();
};

void* open_library() {
  const CoreTypeHint hint;
  for (const char* name : {"libopenblas.so.0", ARMORM_OPENBLAS})
    if (void* library = ::dlopen(name, RTLD_NOW | kScope)) return library;
  fail_io("libopenblas.so.0: cannot be loaded: {}; install OpenBLAS (Debian: libopenblas0)", ::dlerror());
}

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (function == nullptr) fail_io("libopenblas.so.0: has no '{}'; install OpenBLAS 0.3 or later", name);
}

BlasLibrary load() {
  void* const library = open_library();
  BlasLibrary blas;
  find(library, "dsytrd_", blas.dsytrd);
  find(library, "dormtr_", blas.dormtr);
  find(library, "dstedc_", blas.dstedc);
  find(library, "openblas_get_num_threads", blas.get_num_threads);
  find(library, "openblas_set_num_threads", blas.set_num_threads);
  find(library, "openblas_get_config", blas.get_config);
  return blas;
}

}  // namespace

const BlasLibrary& blas_library() {
  static const BlasLibrary library = load();
  return library;
}

std::string blas_description() {
  try {
    return blas_library().get_config();
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace armorm::linear::dense

#else

namespace armorm::linear::dense {

std::string blas_description() { return "none; Eigen decomposes"; }

}  // namespace armorm::linear::dense

#endif
