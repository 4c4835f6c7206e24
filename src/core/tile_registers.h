// The tile registers of AMX: eight of up to 16 rows of 64 bytes, which have to be asked for and configured.
#pragma once

#if defined(__x86_64__)
#include <array>
#include <cstdint>

namespace armorm {

// Whether the processor has them with products of int8, and the system lets this process use them.
bool has_tile_registers() noexcept;

// Layout of LDTILECFG's operand (Intel's manual, volume 1, chapter 18); eight full registers.
struct alignas(64) TileShapes {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::array<std::uint8_t, 14> reserved{};
  std::array<std::uint16_t, 16> row_bytes{64, 64, 64, 64, 64, 64, 64, 64};
  std::array<std::uint8_t, 16> rows{16, 16, 16, 16, 16, 16, 16, 16};
};

// Of the calling thread.
void configure_tiles(const TileShapes& shapes);
void release_tiles();

}  // namespace armorm
#endif
