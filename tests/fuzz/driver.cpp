#include "fuzz/driver.h"

#include <fcntl.h>
#include <sanitizer/allocator_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "core/error.h"
#include "core/log.h"

namespace armorm::fuzz {
namespace {

namespace fs = std::filesystem;

// Counts the memory that malloc and new allocate between start() and stop(), in all threads.
class MemoryGuard {
 public:
  static void install() {
    if (__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) == 0) std::abort();
    if (std::getenv("ARMORM_FUZZ_STATS") != nullptr) std::atexit(print_worst);
  }

  static void start(std::size_t input_bytes) {
    limit_ = static_cast<std::int64_t>(kMemoryBound.constant + kMemoryBound.per_byte * input_bytes);
    peak_ = 0;
    live_ = 0;
    active_ = true;
  }
  static void stop(std::size_t input_bytes) {
    active_ = false;
    worst_peak_ = std::max(worst_peak_, peak_.load());
    if (input_bytes > 0)
      worst_ratio_ = std::max(worst_ratio_, peak_.load() / static_cast<std::int64_t>(input_bytes));
  }

 private:
  static void on_malloc(const volatile void*, std::size_t size) {
    if (!active_) return;
    const std::int64_t live = live_ += static_cast<std::int64_t>(size);
    std::int64_t peak = peak_;
    while (live > peak && !peak_.compare_exchange_weak(peak, live)) {
    }
    if (live <= limit_) return;
    active_ = false;
    std::fprintf(stderr,
                 "memory bound exceeded: %lld bytes allocated, the last %zu at once; the bound is %lld\n",
                 static_cast<long long>(live), size, static_cast<long long>(limit_.load()));
    __sanitizer_print_stack_trace();
    std::abort();
  }
  static void on_free(const volatile void* pointer) {
    if (active_ && pointer != nullptr)
      live_ -= static_cast<std::int64_t>(__sanitizer_get_allocated_size(const_cast<const void*>(pointer)));
  }
  static void print_worst() {
    std::fprintf(stderr, "memory: at most %lld bytes, %lld for each byte of input\n",
                 static_cast<long long>(worst_peak_), static_cast<long long>(worst_ratio_));
  }

  static inline std::atomic<bool> active_ = false;
  static inline std::atomic<std::int64_t> live_ = 0;
  static inline std::atomic<std::int64_t> peak_ = 0;
  static inline std::atomic<std::int64_t> limit_ = 0;
  static inline std::int64_t worst_peak_ = 0;
  static inline std::int64_t worst_ratio_ = 0;
};

struct ScratchFolder {
  fs::path path;
  ScratchFolder() {
    const char* base = std::getenv("TMPDIR");
    std::string name = std::string(base != nullptr ? base : "/tmp") + "/armorm-fuzz-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

// For scripts/fuzz.sh, which checks that the bound is enforced: allocates one byte more than is allowed.
void break_the_bound(std::size_t input_bytes) {
  const std::size_t bytes = kMemoryBound.constant + kMemoryBound.per_byte * input_bytes + 1;
  static volatile char* block = nullptr;
  block = static_cast<volatile char*>(std::malloc(bytes));
  std::free(const_cast<char*>(block));
}

void read_guarded(std::string_view input) {
  static const bool breaks = std::getenv("ARMORM_FUZZ_BREAK_BOUND") != nullptr;
  if (breaks) return break_the_bound(input.size());
  try {
    read_input(input);
  } catch (const Error& error) {
    touch(error.what());
    require(error.kind() != ErrorKind::internal, error.what());
  }
}

}  // namespace

const fs::path& scratch_folder() {
  static const ScratchFolder folder;
  return folder.path;
}

fs::path write_scratch(const std::string& name, std::string_view bytes) {
  fs::path path = scratch_folder() / name;
  int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) {
    fs::create_directories(path.parent_path());
    file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  }
  require(file >= 0 && ::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()),
          "the scratch folder cannot be written");
  ::close(file);
  return path;
}

fs::path golden(std::string_view name) { return fs::path(ARMORM_SOURCE_DIR) / "tests/goldens" / name; }

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "requirement broken: %s\n", what);
  std::abort();
}

void touch(std::string_view bytes) {
  static volatile unsigned sum = 0;
  unsigned total = 0;
  for (const char c : bytes) total += static_cast<unsigned char>(c);
  sum = sum + total;
}

}  // namespace armorm::fuzz

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  // The sanitizers do not see Arrow's own allocators.
  ::setenv("ARROW_DEFAULT_MEMORY_POOL", "system", 1);
  armorm::log::set_level(armorm::log::Level::error);
  armorm::fuzz::MemoryGuard::install();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using armorm::fuzz::MemoryGuard;
  armorm::fuzz::scratch_folder();
  MemoryGuard::start(size);
  armorm::fuzz::read_guarded({reinterpret_cast<const char*>(data), size});
  MemoryGuard::stop(size);
  return 0;
}
