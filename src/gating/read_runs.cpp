#include "gating/read_runs.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace armorm::gating {

void ReadRuns::add(std::span<const std::byte> bytes) {
  const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data());
  if (!runs_.empty()) {
    std::span<const std::byte>& last = runs_.back();
    const auto first = reinterpret_cast<std::uintptr_t>(last.data());
    if (begin >= first && begin - first <= last.size() + kGap) {
      last = {last.data(), std::max(last.size(), begin - first + bytes.size())};
      return;
    }
  }
  runs_.push_back(bytes);
}

// Advice that the system may ignore, so an error does not matter.
void ReadRuns::start() const {
  static const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  for (const std::span<const std::byte> run : runs_) {
    const auto begin = reinterpret_cast<std::uintptr_t>(run.data());
    const std::uintptr_t first = begin / page * page;
    madvise(reinterpret_cast<void*>(first), begin + run.size() - first, MADV_WILLNEED);
  }
}

}  // namespace armorm::gating
