#include "io/mapped_pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace armorm::io {
namespace {

std::uintptr_t page_size() { return static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE)); }

// The pages that hold any byte of the span.
void advise_all(std::span<const std::byte> mapped, int advice) {
  if (mapped.empty()) return;
  const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(mapped.data()) / page_size() * page_size();
  const std::uintptr_t end = reinterpret_cast<std::uintptr_t>(mapped.data() + mapped.size());
  madvise(reinterpret_cast<void*>(begin), end - begin, advice);
}

}  // namespace

void give_back_pages(std::span<const std::byte> mapped) {
  const std::uintptr_t page = page_size();
  const std::uintptr_t begin = (reinterpret_cast<std::uintptr_t>(mapped.data()) + page - 1) / page * page;
  const std::uintptr_t end = reinterpret_cast<std::uintptr_t>(mapped.data() + mapped.size()) / page * page;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

void read_pages_ahead(std::span<const std::byte> mapped) { advise_all(mapped, MADV_WILLNEED); }

void read_pages_singly(std::span<const std::byte> mapped) { advise_all(mapped, MADV_RANDOM); }

}  // namespace armorm::io
