#include "support/simt/memory.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace armorm::test::simt {
namespace {

constexpr std::size_t kBoundary = 256;
constexpr std::uint64_t kSeveral = ~std::uint64_t{0};

std::vector<Memory*>& all_memory() {
  static std::vector<Memory*> all;
  return all;
}

bool by_another(std::uint64_t thread, std::uint64_t me) { return thread != 0 && thread != me; }

}  // namespace

void Memory::Free::operator()(std::byte* p) const { std::free(p); }

Memory::Memory(std::size_t bytes, std::size_t offset) : accesses_(bytes) {
  void* allocated = nullptr;
  if (posix_memalign(&allocated, kBoundary, std::max<std::size_t>(bytes + offset, 1)) != 0)
    throw std::bad_alloc();
  allocation_.reset(static_cast<std::byte*>(allocated));
  data_ = allocation_.get() + offset;
  // NaN in every type.
  std::fill_n(allocation_.get(), bytes + offset, std::byte{0xff});
  all_memory().push_back(this);
}

Memory::~Memory() { std::erase(all_memory(), this); }

void Memory::note(std::size_t begin, std::size_t end, bool writes, const Site& site) {
  const std::uint64_t me = thread_id();
  for (std::size_t i = begin; i < end; ++i) {
    Access& access = accesses_[i];
    if (by_another(access.writer, me) || (writes && by_another(access.reader, me)))
      throw Fault(
          fmt::format("{}: two threads access byte {} of {}, and one writes", name_of(site), i, size()));
    if (writes)
      access.writer = me;
    else
      access.reader = by_another(access.reader, me) ? kSeveral : me;
  }
}

void check_access(const void* address, std::size_t bytes, bool writes, const Site& site) {
  const auto* p = static_cast<const std::byte*>(address);
  const char* const what = writes ? "writes" : "reads";
  const auto found = std::find_if(all_memory().begin(), all_memory().end(),
                                  [&](const Memory* memory) { return memory->holds(p); });
  if (found == all_memory().end())
    throw Fault(fmt::format("{}: {} {} bytes outside of all memory", name_of(site), what, bytes));
  Memory& memory = **found;
  const auto at = static_cast<std::size_t>(p - memory.data());
  if (bytes > memory.size() - at)
    throw Fault(
        fmt::format("{}: {} {} bytes from byte {} of {}", name_of(site), what, bytes, at, memory.size()));
  if (reinterpret_cast<std::uintptr_t>(p) % bytes != 0)
    throw Fault(
        fmt::format("{}: {} {} bytes at an address that is no multiple of them", name_of(site), what, bytes));
  memory.note(at, at + bytes, writes, site);
}

void forget_accesses() {
  for (Memory* memory : all_memory())
    std::fill(memory->accesses_.begin(), memory->accesses_.end(), Memory::Access{});
}

}  // namespace armorm::test::simt
