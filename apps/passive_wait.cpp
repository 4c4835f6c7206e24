// Waiting threads of OpenMP and OpenBLAS sleep instead of spinning, which takes processor time from other
// processes of a shared machine. libgomp reads OMP_WAIT_POLICY in its constructor, so the program starts
// itself again with the variables set before any library is constructed. A user's own settings are kept. A
// stack limit on which the program would crash is raised on the same occasion: it counts for threads at their
// start.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include <sys/auxv.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace {

constexpr std::size_t kMaxVariables = 4096;

bool sets(const char* variable, const char* name) {
  const std::size_t size = std::strlen(name);
  return std::strncmp(variable, name, size) == 0 && variable[size] == '=';
}

constexpr rlim_t kLeastStack = rlim_t{1} << 20;
constexpr rlim_t kUsualStack = rlim_t{8} << 20;

void print(const char* text) { (void)!write(STDERR_FILENO, text, std::strlen(text)); }

// True when the limit was too low and has been raised.
bool raise_stack_limit(const char* program) {
  rlimit limit{};
  if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur >= kLeastStack) return false;
  if (limit.rlim_max < kUsualStack) limit.rlim_max = kUsualStack;  // for root alone
  limit.rlim_cur = kUsualStack;
  if (setrlimit(RLIMIT_STACK, &limit) == 0) return true;
  print(program);
  print(": error: the stack limit is below 1 MiB; set a higher one (ulimit -s 8192)\n");
  _exit(2);
}

// Runs before the constructors of libraries: the C library has neither environment nor heap yet. If it
// returns, the program starts as it is.
void restart_with_passive_wait(int, char** argv, char** environment) {
  static char wait_policy[] = "OMP_WAIT_POLICY=PASSIVE";
  static char blas_timeout[] = "OPENBLAS_THREAD_TIMEOUT=4";  // 2^4 cycles, the least it accepts
  static std::array<char*, kMaxVariables + 3> variables;
  static char path[4096];
  std::size_t count = 0;
  bool blas_is_set = false;
  const bool raised = raise_stack_limit(argv[0]);
  for (; environment[count] != nullptr; ++count) {
    const char* variable = environment[count];
    if (count == kMaxVariables || sets(variable, "OMP_WAIT_POLICY") || sets(variable, "GOMP_SPINCOUNT")) {
      if (raised && readlink("/proc/self/exe", path, sizeof(path) - 1) > 0) execve(path, argv, environment);
      return;
    }
    blas_is_set = blas_is_set || sets(variable, "OPENBLAS_THREAD_TIMEOUT");
    variables[count] = environment[count];
  }
  if (getauxval(AT_SECURE) != 0) return;
  variables[count++] = wait_policy;
  if (!blas_is_set) variables[count] = blas_timeout;
  if (readlink("/proc/self/exe", path, sizeof(path) - 1) > 0) execve(path, argv, variables.data());
}

}  // namespace

// Unlike .init_array, it precedes the libraries' constructors; only programs can have it.
using Start = void(int, char**, char**);
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): a function cannot be const
__attribute__((section(".preinit_array"), used)) static constexpr Start* kRestart = restart_with_passive_wait;

#endif
