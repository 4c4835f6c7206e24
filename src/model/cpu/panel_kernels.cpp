#include "model/cpu/panel_kernels.h"

#include <algorithm>
#include <array>
#include <bit>

#include "core/simd_clones.h"
#include "core/tile_registers.h"
#include "model/cpu/avx512.h"
#include "model/cpu/brgemm.h"

namespace armorm::model::cpu {
namespace {

// One target for three loops of the same form. Each one runs only where its own instruction exists, and the
// compiler uses the others' nowhere by itself.
#define ARMORM_VECTOR_TILES \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx512vnni")))

constexpr int kVectors = 4;  // of a row of a panel
constexpr int kTileRows = static_cast<int>(kGroupRows);
constexpr std::int64_t kVectorChunk = 128;  // words: half of a first-level cache

template <Operand kOperand>
ARMORM_INLINE ARMORM_VECTOR_TILES __m512 multiply_add(__m512 sum, __m512 x, __m512 weight) {
  if constexpr (kOperand == Operand::f32) {
    return _mm512_fmadd_ps(x, weight, sum);
  } else if constexpr (kOperand == Operand::bf16) {
    return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)weight);
  } else if constexpr (kOperand == Operand::int8) {
    return _mm512_castsi512_ps(
        _mm512_dpbusd_epi32(_mm512_castps_si512(sum), _mm512_castps_si512(x), _mm512_castps_si512(weight)));
  } else {
    return _mm512_castsi512_ps(
        _mm512_dpwssd_epi32(_mm512_castps_si512(sum), _mm512_castps_si512(x), _mm512_castps_si512(weight)));
  }
}

// kRows x kPanel sums in registers: 24 of 32.
template <Operand kOperand, int kRows>
ARMORM_VECTOR_TILES void multiply_rows(const PanelProduct& p, std::int64_t row) {
  const std::byte* x = p.x + row / kTileRows * (p.x_group > 0 ? p.x_group : kTileRows * p.x_stride);
  const std::byte* weights = p.panel;
  float* out = p.sums + row * p.sums_stride;
  __m512 sum[kRows][kVectors];
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j)
      sum[r][j] = p.add ? _mm512_loadu_ps(out + r * p.sums_stride + 16 * j) : _mm512_setzero_ps();
  }
  for (std::int64_t k = 0; k < p.words; ++k, x += p.x_step, weights += 4 * kPanel) {
    __m512 weight[kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) weight[j] = _mm512_loadu_ps(weights + 64 * j);
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
      const __m512 word = _mm512_castsi512_ps(_mm512_set1_epi32(load_word(x + r * p.x_stride)));
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) sum[r][j] = multiply_add<kOperand>(sum[r][j], word, weight[j]);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) _mm512_storeu_ps(out + r * p.sums_stride + 16 * j, sum[r][j]);
  }
}

template <Operand kOperand>
void multiply_vectors(const PanelProduct& p) {
  constexpr std::array kRest{multiply_rows<kOperand, 1>, multiply_rows<kOperand, 2>,
                             multiply_rows<kOperand, 3>, multiply_rows<kOperand, 4>,
                             multiply_rows<kOperand, 5>};
  std::int64_t row = 0;
  for (; row + kTileRows <= p.rows; row += kTileRows) multiply_rows<kOperand, kTileRows>(p, row);
  if (row < p.rows) kRest[static_cast<std::size_t>(p.rows - row - 1)](p, row);
}

#define ARMORM_AVX2 __attribute__((target("avx2,fma")))

constexpr std::int64_t kAvx2Columns = 16;  // of two vectors of AVX2
constexpr std::int64_t kAvx2Chunk = 64;    // words of a panel: half of a first-level cache of 32 kB

// kRows x kPanel sums, of which kRows x kAvx2Columns at a time are in registers: 12 of 16.
template <int kRows>
ARMORM_AVX2 void multiply_rows_avx2(const PanelProduct& p, std::int64_t row) {
  const std::byte* const rows = p.x + row / kTileRows * (p.x_group > 0 ? p.x_group : kTileRows * p.x_stride);
  for (std::int64_t column = 0; column < kPanel; column += kAvx2Columns) {
    const std::byte* x = rows;
    const auto* weights = reinterpret_cast<const float*>(p.panel) + column;
    float* const out = p.sums + row * p.sums_stride + column;
    __m256 low[kRows];
    __m256 high[kRows];
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
      low[r] = p.add ? _mm256_loadu_ps(out + r * p.sums_stride) : _mm256_setzero_ps();
      high[r] = p.add ? _mm256_loadu_ps(out + r * p.sums_stride + 8) : _mm256_setzero_ps();
    }
    for (std::int64_t k = 0; k < p.words; ++k, x += p.x_step, weights += kPanel) {
      const __m256 weight_low = _mm256_loadu_ps(weights);
      const __m256 weight_high = _mm256_loadu_ps(weights + 8);
#pragma GCC unroll 6
      for (int r = 0; r < kRows; ++r) {
        const __m256 word = _mm256_broadcast_ss(reinterpret_cast<const float*>(x + r * p.x_stride));
        low[r] = _mm256_fmadd_ps(word, weight_low, low[r]);
        high[r] = _mm256_fmadd_ps(word, weight_high, high[r]);
      }
    }
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
      _mm256_storeu_ps(out + r * p.sums_stride, low[r]);
      _mm256_storeu_ps(out + r * p.sums_stride + 8, high[r]);
    }
  }
}

void multiply_avx2(const PanelProduct& p) {
  constexpr std::array kRest{multiply_rows_avx2<1>, multiply_rows_avx2<2>, multiply_rows_avx2<3>,
                             multiply_rows_avx2<4>, multiply_rows_avx2<5>};
  std::int64_t row = 0;
  for (; row + kTileRows <= p.rows; row += kTileRows) multiply_rows_avx2<kTileRows>(p, row);
  if (row < p.rows) kRest[static_cast<std::size_t>(p.rows - row - 1)](p, row);
}

#define ARMORM_AMX __attribute__((target("amx-tile,amx-int8,amx-bf16,avx512f")))

// Of products of `words` words, at most kWordsPerStep: registers 0 to 3 hold sums [2 x 2], 4 and 5 rows, 6
// and 7 weights.
void configure_products(std::int64_t words) {
  TileShapes shapes;
  for (std::size_t tile = 4; tile < 8; ++tile) {
    if (tile < 6) {
      shapes.row_bytes[tile] = static_cast<std::uint16_t>(4 * words);
    } else {
      shapes.rows[tile] = static_cast<std::uint8_t>(words);
    }
  }
  configure_tiles(shapes);
}

void begin_tiles() { configure_products(kWordsPerStep); }

// A macro: the registers are part of the instruction's text.
#define ARMORM_MULTIPLY_TILES(sum, row, weight) \
  if constexpr (kBytes) {                       \
    _tile_dpbusd(sum, row, weight);             \
  } else {                                      \
    _tile_dpbf16ps(sum, row, weight);           \
  }

struct TileBlock {
  const std::byte* x;
  std::int64_t x_stride;
  const std::byte* panel;
  float* sums;
  std::int64_t sums_stride;  // bytes
  std::int64_t steps;
  bool add;
};

// 16 or 32 rows by 32 columns.
template <bool kBytes, bool kTwo>
ARMORM_AMX void multiply_block(const TileBlock& b) {
  constexpr std::int64_t kPanelStride = 4 * kPanel;
  float* const lower = b.sums + 4 * b.sums_stride;  // 16 rows of 4 bytes
  const auto stride = static_cast<std::size_t>(b.sums_stride);
  if (b.add) {
    _tile_loadd(0, b.sums, stride);
    _tile_loadd(1, b.sums + 16, stride);
    if constexpr (kTwo) {
      _tile_loadd(2, lower, stride);
      _tile_loadd(3, lower + 16, stride);
    }
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  const std::byte* x = b.x;
  const std::byte* weights = b.panel;
  for (std::int64_t i = 0; i < b.steps;
       ++i, x += 4 * kWordsPerStep, weights += kWordsPerStep * kPanelStride) {
    _tile_loadd(4, x, static_cast<std::size_t>(b.x_stride));
    _tile_loadd(6, weights, kPanelStride);
    ARMORM_MULTIPLY_TILES(0, 4, 6)
    _tile_loadd(7, weights + 64, kPanelStride);
    ARMORM_MULTIPLY_TILES(1, 4, 7)
    if constexpr (kTwo) {
      _tile_loadd(5, x + 16 * b.x_stride, static_cast<std::size_t>(b.x_stride));
      ARMORM_MULTIPLY_TILES(2, 5, 6)
      ARMORM_MULTIPLY_TILES(3, 5, 7)
    }
  }
  _tile_stored(0, b.sums, stride);
  _tile_stored(1, b.sums + 16, stride);
  if constexpr (kTwo) {
    _tile_stored(2, lower, stride);
    _tile_stored(3, lower + 16, stride);
  }
}

// `steps` steps from word `first` on.
template <bool kBytes>
void multiply_steps(const PanelProduct& p, std::int64_t first, std::int64_t steps) {
  for (std::int64_t half = 0; half < 2; ++half) {
    for (std::int64_t row = 0; row < p.rows; row += 32) {
      const TileBlock block{p.x + row * p.x_stride + 4 * first,
                            p.x_stride,
                            p.panel + 4 * (first * kPanel + 32 * half),
                            p.sums + row * p.sums_stride + 32 * half,
                            4 * p.sums_stride,
                            steps,
                            p.add || first > 0};
      if (row + 32 <= p.rows) {
        multiply_block<kBytes, true>(block);
      } else {
        multiply_block<kBytes, false>(block);
      }
    }
  }
}

template <bool kBytes>
void multiply_tiles(const PanelProduct& p) {
  const std::int64_t rest = p.words % kWordsPerStep;
  const std::int64_t full = p.words - rest;
  if (full > 0) multiply_steps<kBytes>(p, 0, full / kWordsPerStep);
  if (rest == 0) return;
  configure_products(rest);
  multiply_steps<kBytes>(p, full, 1);
  begin_tiles();
}

template <class T, std::int64_t kPerWord>
void multiply_by_onednn(const PanelProduct& p) {
  brgemm(
      {p.rows, kPanel, p.words * kPerWord, p.x_stride / static_cast<std::int64_t>(sizeof(T)), p.sums_stride},
      reinterpret_cast<const T*>(p.x), reinterpret_cast<const T*>(p.panel), p.sums, p.add);
}

void nothing() {}

constexpr PanelKernel kOneDnnFloat{multiply_by_onednn<float, 1>, nothing, brgemm_release, kRowMultiple,
                                   kVectorChunk};
constexpr PanelKernel kOneDnnBf16{multiply_by_onednn<at::BFloat16, 2>, nothing, brgemm_release, kRowMultiple,
                                  kVectorChunk};
constexpr PanelKernel kAvx2Float{multiply_avx2, nothing, nothing, 1, kAvx2Chunk, false, true};
constexpr PanelKernel kAvx2Widened{multiply_avx2, nothing, nothing, 1, kAvx2Chunk / 2, true, true};
constexpr PanelKernel kFloat{multiply_vectors<Operand::f32>, nothing, nothing, 1, kVectorChunk, false, true};
constexpr PanelKernel kWidened{multiply_vectors<Operand::f32>, nothing, nothing, 1, kVectorChunk, true, true};
constexpr PanelKernel kBf16{multiply_vectors<Operand::bf16>, nothing, nothing, 1, kVectorChunk, false, true};
constexpr PanelKernel kInt8{multiply_vectors<Operand::int8>, nothing, nothing, 1, kVectorChunk, false, true};
constexpr PanelKernel kInt16{
    multiply_vectors<Operand::int16>, nothing, nothing, 1, kVectorChunk, false, true};
constexpr PanelKernel kTilesBf16{multiply_tiles<false>, begin_tiles, release_tiles, 16, 1024};
constexpr PanelKernel kTilesInt8{multiply_tiles<true>, begin_tiles, release_tiles, 16, 1024};

const PanelKernel* vector_kernel(Operand operand, const PanelKernel& bf16) {
  if (!cpu_features().avx512) return nullptr;
  if (operand == Operand::f32) return &kFloat;
  if (operand == Operand::bf16) return &bf16;
  if (!cpu_features().avx512_vnni) return nullptr;
  return operand == Operand::int8 ? &kInt8 : &kInt16;
}

const PanelKernel* avx2_kernel(Operand operand) {
  if (!cpu_features().avx2 || operand == Operand::int8 || operand == Operand::int16) return nullptr;
  return operand == Operand::f32 ? &kAvx2Float : &kAvx2Widened;
}

const PanelKernel* onednn_kernel(Operand operand) {
  if (!cpu_features().avx512 || operand == Operand::int8 || operand == Operand::int16) return nullptr;
  if (operand == Operand::f32) return supports_brgemm(at::kFloat) ? &kOneDnnFloat : nullptr;
  return supports_brgemm(at::kBFloat16) ? &kOneDnnBf16 : nullptr;
}

const PanelKernel* tile_kernel(Operand operand) {
  if (!cpu_features().avx512 || !cpu_features().amx_bf16 || !has_tile_registers()) return nullptr;
  if (operand == Operand::f32) return &kFloat;
  if (operand == Operand::bf16) return &kTilesBf16;
  return operand == Operand::int8 ? &kTilesInt8 : vector_kernel(operand, kBf16);
}

ARMORM_SIMD void widen_pairs(const std::uint32_t* __restrict pairs, std::int64_t words,
                             float* __restrict out) {
  for (std::int64_t k = 0; k < words; ++k, pairs += kPanel, out += 2 * kPanel) {
    for (std::int64_t j = 0; j < kPanel; ++j) {
      out[j] = std::bit_cast<float>(pairs[j] << 16);
      out[kPanel + j] = std::bit_cast<float>(pairs[j] & 0xffff0000U);
    }
  }
}

}  // namespace

const PanelKernel* panel_kernel(CpuKernels kernels, Operand operand) {
  switch (kernels) {
    case CpuKernels::avx2:
      return avx2_kernel(operand);
    case CpuKernels::onednn:
      return onednn_kernel(operand);
    case CpuKernels::avx512:
      return vector_kernel(operand, kWidened);
    case CpuKernels::avx512_bf16:
      return cpu_features().avx512_bf16 ? vector_kernel(operand, kBf16) : nullptr;
    case CpuKernels::amx:
      return tile_kernel(operand);
    case CpuKernels::measured:
    case CpuKernels::libtorch:
      break;
  }
  return nullptr;
}

void widen_panel(const std::byte* panel, std::int64_t words, float* out) {
  widen_pairs(reinterpret_cast<const std::uint32_t*>(panel), words, out);
}

}  // namespace armorm::model::cpu
