// A product of all rows with all panels of a weight, spread over the threads.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

#include "model/cpu/aligned_array.h"
#include "model/cpu/panel_kernels.h"

namespace armorm::model::cpu {

// Rows of `words` words, as a kernel reads them (PanelProduct).
struct Rows {
  at::Tensor storage;
  const std::byte* data = nullptr;
  std::int64_t stride = 0;  // bytes
  std::int64_t count = 0;
  std::int64_t words = 0;
  std::int64_t step = 4;
  std::int64_t group = 0;
};

// The rows of a tensor with complete words, packed where the kernel is faster with that: groups of kGroupRows
// rows, in which the first words of all rows follow each other, then the second ones. Rows of a power of two
// of bytes meet in few places of a cache otherwise.
Rows rows_for(const PanelKernel& kernel, const at::Tensor& x);

// Rows that are multiplied together: a multiple of PanelKernel::row_multiple, of which `valid` are wanted.
struct RowBlock {
  const std::byte* x;
  std::int64_t stride;
  std::int64_t rows;
  std::int64_t valid;
  std::int64_t first;  // row of the result
  std::int64_t step = 4;
  std::int64_t group = 0;
};

// Blocks of similar size that fit the second-level cache. The last block holds the rows that do not fill a
// multiple, padded in `tail`.
std::vector<RowBlock> split_rows(const Rows& x, const PanelKernel& kernel, std::vector<std::byte>& tail);

inline constexpr std::int64_t kMaxRowBlock = 512;

// Calls finish(block, panel, sums), with the block's sums [rows, kPanel], once for each block and panel.
template <class Finish>
void multiply_panels(const PanelKernel& kernel, const Rows& x, const std::byte* panels, std::int64_t n_panels,
                     const Finish& finish) {
  std::vector<std::byte> tail;
  const std::vector<RowBlock> blocks = split_rows(x, kernel, tail);
  const std::int64_t panel_words = kernel.widens ? x.words / 2 : x.words;
  const std::int64_t tasks = std::ssize(blocks) * n_panels;
  std::atomic<std::int64_t> next = 0;
  at::parallel_for(0, at::get_num_threads(), 1, [&](std::int64_t, std::int64_t) {
    const AlignedArray<float> scratch((kMaxRowBlock + 2 * kernel.chunk_words) * kPanel);
    float* const sums = scratch.data();
    float* const widened = sums + kMaxRowBlock * kPanel;
    kernel.begin();
    for (std::int64_t task = next++; task < tasks; task = next++) {
      const RowBlock& block = blocks[static_cast<std::size_t>(task / n_panels)];
      const std::byte* panel = panels + task % n_panels * panel_words * 4 * kPanel;
      for (std::int64_t k = 0; k < panel_words; k += kernel.chunk_words) {
        const std::int64_t words = std::min(kernel.chunk_words, panel_words - k);
        PanelProduct product{block.rows,
                             words,
                             block.x + block.step * k,
                             block.stride,
                             panel + k * 4 * kPanel,
                             sums,
                             kPanel,
                             k > 0,
                             block.step,
                             block.group};
        if (kernel.widens) {
          widen_panel(product.panel, words, widened);
          product.words = 2 * words;
          product.x = block.x + 2 * block.step * k;
          product.panel = reinterpret_cast<const std::byte*>(widened);
        }
        kernel.multiply(product);
      }
      finish(block, task % n_panels, sums);
    }
    kernel.end();
  });
}

}  // namespace armorm::model::cpu
