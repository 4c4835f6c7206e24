#include "core/tile_registers.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace armorm {
namespace {

// Linux gives them to a process that asks (Documentation/arch/x86/xstate.rst).
bool ask_for_tiles() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;               // XFEATURE_XTILEDATA
  constexpr unsigned kTile = 1U << 24;
  constexpr unsigned kInt8 = 1U << 25;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & kTile) == 0 || (d & kInt8) == 0) return false;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

bool has_tile_registers() noexcept {
  static const bool has = ask_for_tiles();
  return has;
}

__attribute__((target("amx-tile"))) void configure_tiles(const TileShapes& shapes) {
  // GCC takes only the first bytes of the configuration for read, and would drop the other assignments.
  asm volatile("" : : "r"(&shapes) : "memory");
  _tile_loadconfig(&shapes);
}

__attribute__((target("amx-tile"))) void release_tiles() { _tile_release(); }

}  // namespace armorm
#endif
