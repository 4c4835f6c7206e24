// Products of rows with one panel of packed weights: the innermost loops of products and attention, one
// version per instruction set.
//
// A panel holds kPanel output columns as [words, kPanel] words of 4 bytes: one float32, two bfloat16 or
// int16, or four int8 values that follow each other in the sum. Each sum runs in ascending order of the
// words, whatever the number of rows and the row's position.
#pragma once

#include <cstddef>
#include <cstdint>

#include "armorm/cpu_kernels.h"

namespace armorm::model::cpu {

inline constexpr std::int64_t kPanel = 64;         // four vectors of 16 words
inline constexpr std::int64_t kWordsPerStep = 16;  // of a row of a tile
inline constexpr std::int64_t kGroupRows = 6;      // that a vector kernel multiplies at once

inline std::int64_t round_up(std::int64_t n, std::int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

// Types of both operands. Integers have int32 sums; int8 multiplies unsigned rows by signed panels.
enum class Operand { f32, bf16, int8, int16 };

// sums [rows, kPanel] = or += x [rows, words] panel. Fastest where rows and panel are aligned to 64 bytes.
struct PanelProduct {
  std::int64_t rows = 0;  // multiple of PanelKernel::row_multiple
  std::int64_t words = 0;
  const std::byte* x = nullptr;
  std::int64_t x_stride = 0;  // bytes between rows
  const std::byte* panel = nullptr;
  float* sums = nullptr;         // int32 for integers
  std::int64_t sums_stride = 0;  // elements
  bool add = false;
  // Where rows are packed (rows_for()): bytes between the words of a row, and between groups of kGroupRows
  // rows.
  std::int64_t x_step = 4;
  std::int64_t x_group = 0;  // 0: kGroupRows rows
};

struct PanelKernel {
  void (*multiply)(const PanelProduct& product) = nullptr;
  // Each thread calls begin() before its first product and end() after its last one.
  void (*begin)() = nullptr;
  void (*end)() = nullptr;
  std::int64_t row_multiple = 1;
  std::int64_t chunk_words = 0;  // of a panel at once: stays in the nearest cache that serves it at full rate
  // bfloat16 only: multiplies float32, and both operands are widened first, panels by widen_panel().
  bool widens = false;
  bool packs_rows = false;  // is faster with packed rows; the others take none
};

// The one of `kernels`, or nullptr if this processor or LibTorch does not have it.
const PanelKernel* panel_kernel(CpuKernels kernels, Operand operand);

// [words, kPanel] pairs of bfloat16 -> [2 * words, kPanel] float32.
void widen_panel(const std::byte* panel, std::int64_t words, float* out);

}  // namespace armorm::model::cpu
