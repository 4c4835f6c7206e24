// A product of all rows with all panels of a weight, spread over the threads.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <atomic>
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

// Calls work(block, panel, scratch) once for each block of rows and panel, spread over the threads; `scratch`
// floats of a thread's own, aligned to 64 bytes.
template <class Work>
void for_each_panel(const PanelKernel& kernel, const Rows& x, std::int64_t n_panels, std::int64_t scratch,
                    const Work& work) {
  std::vector<std::byte> tail;
  const std::vector<RowBlock> blocks = split_rows(x, kernel, tail);
  const std::int64_t tasks = std::ssize(blocks) * n_panels;
  std::atomic<std::int64_t> next = 0;
  at::parallel_for(0, at::get_num_threads(), 1, [&](std::int64_t, std::int64_t) {
    const AlignedArray<float> own(scratch);
    kernel.begin();
    for (std::int64_t task = next++; task < tasks; task = next++)
      work(blocks[static_cast<std::size_t>(task / n_panels)], task % n_panels, own.data());
    kernel.end();
  });
}

}  // namespace armorm::model::cpu
