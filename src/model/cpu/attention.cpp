#include "model/cpu/attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <vector>

#include "model/cpu/aligned_array.h"
#include "model/cpu/panel_rows.h"
#include "model/cpu/softmax.h"

namespace armorm::model::cpu {
namespace {

constexpr std::int64_t kQueryTile =
    64;  // query rows per tile: positions times the heads that share a key head
constexpr std::int64_t kTilePanels = kKeyTile / kPanel;
constexpr std::int64_t kPanelBytes = 4 * kPanel;  // of one row of words

template <class T>
struct Problem {
  const T* q;
  const T* k;
  const T* v;
  T* out;
  std::int64_t q_stride = 0, k_stride = 0, v_stride = 0;  // elements between token rows
  std::int64_t heads = 0, kv_heads = 0, dim = 0;
  AttentionOptions options;

  std::int64_t group() const { return heads / kv_heads; }
};

void copy_row(const float* from, std::int64_t n, float* to) { std::copy_n(from, n, to); }
void copy_row(const at::BFloat16* from, std::int64_t n, at::BFloat16* to) { std::copy_n(from, n, to); }
void copy_row(const at::BFloat16* from, std::int64_t n, float* to) { widen_row(from, n, to); }

// Loop over one block's queries for one key head; operands of the products have the type Operand.
template <class T, class Operand>
class Worker {
 public:
  static constexpr std::int64_t kPerWord = 4 / static_cast<std::int64_t>(sizeof(Operand));

  Worker(const PanelKernel& kernel, const Problem<T>& problem, std::int64_t max_keys)
      : kernel_(kernel),
        p_(problem),
        width_(round_up(problem.dim, kPerWord)),
        out_width_(round_up(problem.dim, kPanel)),
        positions_(std::max<std::int64_t>(1, kQueryTile / problem.group())),
        max_rows_(round_up(positions_ * problem.group(), kernel.row_multiple)),
        keys_(round_up(max_keys, kKeyTile) * width_),
        values_(round_up(max_keys, kKeyTile) * out_width_),
        row_(kPanel * width_),
        queries_(max_rows_ * width_),
        scores_(max_rows_ * kKeyTile),
        weights_(max_rows_ * kKeyTile),
        sums_(max_rows_ * out_width_),
        states_(static_cast<std::size_t>(max_rows_)) {
    std::fill_n(row_.data(), kPanel * width_, Operand(0.0F));
    std::fill_n(queries_.data(), max_rows_ * width_, Operand(0.0F));
    std::fill_n(weights_.data(), max_rows_ * kKeyTile, Operand(0.0F));
  }

  void run(const AttentionBlock& block, std::int64_t kv_head) {
    pack(block, kv_head);
    for (std::int64_t first = 0; first < block.q_count; first += positions_)
      attend(block, kv_head, first, std::min(positions_, block.q_count - first));
  }

 private:
  // The key at the position of the block's query `position`.
  static std::int64_t key_of(const AttentionBlock& block, std::int64_t position) {
    return block.kv_count - block.q_count + position;
  }
  std::int64_t first_key_seen(std::int64_t own_key) const {
    return p_.options.window > 0 ? std::max<std::int64_t>(0, own_key - p_.options.window + 1) : 0;
  }

  // Panels of kPanel keys: of keys [width, keys], and for each kPanel elements of a head, values [keys,
  // kPanel].
  void pack(const AttentionBlock& block, std::int64_t kv_head) {
    const std::int64_t begin = first_key_seen(key_of(block, 0)) / kKeyTile * kKeyTile;
    for (std::int64_t key = begin; key < round_up(block.kv_count, kKeyTile); key += kPanel) {
      const std::int64_t count = std::clamp<std::int64_t>(block.kv_count - key, 0, kPanel);
      const std::int64_t row = block.kv_begin + key;
      pack_keys(p_.k + row * p_.k_stride + kv_head * p_.dim, count, keys_.data() + key * width_);
      pack_values(p_.v + row * p_.v_stride + kv_head * p_.dim, count, values_.data() + key * out_width_);
    }
  }

  void pack_keys(const T* keys, std::int64_t count, Operand* panel) {
    std::fill_n(panel, kPanel * width_, Operand(0.0F));
    auto* const to = reinterpret_cast<std::byte*>(panel);
    if (std::is_same_v<T, Operand> && width_ == p_.dim) {
      transpose_words(reinterpret_cast<const std::byte*>(keys),
                      p_.k_stride * static_cast<std::int64_t>(sizeof(T)), count, width_ / kPerWord, to);
      return;
    }
    for (std::int64_t i = 0; i < count; ++i)
      copy_row(keys + i * p_.k_stride, p_.dim, row_.data() + i * width_);
    transpose_words(row_.bytes(), width_ * static_cast<std::int64_t>(sizeof(Operand)), count,
                    width_ / kPerWord, to);
  }

  void pack_values(const T* values, std::int64_t count, Operand* panels) {
    std::fill_n(panels, kPanel * out_width_, Operand(0.0F));
    for (std::int64_t d = 0; d < p_.dim; d += kPanel, panels += kPanel * kPanel) {
      const std::int64_t columns = std::min(kPanel, p_.dim - d);
      if constexpr (kPerWord == 2) {
        interleave_rows(values + d, p_.v_stride, count, columns, reinterpret_cast<std::byte*>(panels));
      } else {
        for (std::int64_t i = 0; i < count; ++i)
          copy_row(values + i * p_.v_stride + d, columns, panels + i * kPanel);
      }
    }
  }

  void attend(const AttentionBlock& block, std::int64_t kv_head, std::int64_t first, std::int64_t count) {
    const std::int64_t group = p_.group();
    const std::int64_t head_at = kv_head * group * p_.dim;
    for (std::int64_t r = 0; r < count * group; ++r)
      copy_row(p_.q + (block.q_begin + first + r / group) * p_.q_stride + head_at + r % group * p_.dim,
               p_.dim, queries_.data() + r * width_);
    std::fill(states_.begin(), states_.end(), SoftmaxState{-std::numeric_limits<float>::infinity(), 0.0F});
    const std::int64_t last_key = key_of(block, first + count - 1);
    const std::int64_t first_tile = first_key_seen(key_of(block, first)) / kKeyTile;
    for (std::int64_t tile = first_tile; tile <= last_key / kKeyTile; ++tile)
      add_tile(block, first, count, tile, tile == first_tile);
    for (std::int64_t r = 0; r < count * group; ++r)
      write_scaled(
          sums_.data() + r * out_width_, 1.0F / states_[static_cast<std::size_t>(r)].total, p_.dim,
          p_.out + (block.q_begin + first + r / group) * p_.heads * p_.dim + head_at + r % group * p_.dim);
  }

  void add_tile(const AttentionBlock& block, std::int64_t first, std::int64_t count, std::int64_t tile,
                bool is_first) {
    const std::int64_t at = tile * kKeyTile;
    const std::int64_t last_key = key_of(block, first + count - 1);
    // Panels of the tile that some query sees.
    const std::int64_t panels = std::min(kTilePanels, (last_key - at) / kPanel + 1);
    const std::int64_t rows = round_up(count * p_.group(), kernel_.row_multiple);
    for (std::int64_t panel = 0; panel < panels; ++panel)
      kernel_.multiply({rows, width_ / kPerWord, queries_.bytes(),
                        width_ * static_cast<std::int64_t>(sizeof(Operand)),
                        keys_.bytes() + (at + panel * kPanel) * width_ / kPerWord * 4,
                        scores_.data() + panel * kPanel, kKeyTile, false});
    for (std::int64_t r = 0; r < count * p_.group(); ++r) weigh(block, first, r, at, is_first);
    const std::int64_t panel_words = kPanel / kPerWord;
    for (std::int64_t panel = 0; panel < panels; ++panel) {
      for (std::int64_t d = 0; d < out_width_ / kPanel; ++d)
        kernel_.multiply(
            {rows, panel_words, weights_.bytes() + panel * panel_words * 4,
             kKeyTile * static_cast<std::int64_t>(sizeof(Operand)),
             values_.bytes() + ((at / kPanel + panel) * out_width_ / kPanel + d) * panel_words * kPanelBytes,
             sums_.data() + d * kPanel, out_width_, !is_first || panel > 0});
    }
  }

  // Row r of a tile of queries, the tile of keys from key `at` on.
  void weigh(const AttentionBlock& block, std::int64_t first, std::int64_t r, std::int64_t at,
             bool is_first) {
    const std::int64_t own_key = key_of(block, first + r / p_.group());
    const std::int64_t from = std::clamp<std::int64_t>(first_key_seen(own_key) - at, 0, kKeyTile);
    const std::int64_t to = std::clamp<std::int64_t>(own_key + 1 - at, from, kKeyTile);
    const ScoreScale scale{static_cast<float>(p_.options.scale), static_cast<float>(p_.options.softcap)};
    const float shrink = weigh_keys(scores_.data() + r * kKeyTile, from, to, scale,
                                    states_[static_cast<std::size_t>(r)], weights_.data() + r * kKeyTile);
    if (!is_first && shrink != 1.0F) scale_row(sums_.data() + r * out_width_, shrink, out_width_);
  }

  const PanelKernel& kernel_;
  const Problem<T>& p_;
  std::int64_t width_;      // of queries and keys, in complete words
  std::int64_t out_width_;  // of values, in complete panels
  std::int64_t positions_;
  std::int64_t max_rows_;
  AlignedArray<Operand> keys_;
  AlignedArray<Operand> values_;
  AlignedArray<Operand> row_;      // [kPanel, width]
  AlignedArray<Operand> queries_;  // [max_rows, width]
  AlignedArray<float> scores_;     // [max_rows, kKeyTile]
  AlignedArray<Operand> weights_;  // [max_rows, kKeyTile]
  AlignedArray<float> sums_;       // [max_rows, out_width]
  std::vector<SoftmaxState> states_;
};

template <class T, class Operand>
at::Tensor run(const PanelKernel& kernel, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
               const AttentionPlan& plan, const AttentionOptions& options) {
  at::Tensor out = at::empty(q.sizes(), q.options());
  const Problem<T> problem{q.const_data_ptr<T>(),
                           k.const_data_ptr<T>(),
                           v.const_data_ptr<T>(),
                           out.mutable_data_ptr<T>(),
                           q.stride(0),
                           k.stride(0),
                           v.stride(0),
                           q.size(1),
                           k.size(1),
                           q.size(2),
                           options};
  const std::int64_t tasks = std::ssize(plan.blocks) * problem.kv_heads;
  std::atomic<std::int64_t> next = 0;
  // Block sizes vary too much for equal shares: each thread takes the next block when it is free.
  at::parallel_for(0, at::get_num_threads(), 1, [&](std::int64_t, std::int64_t) {
    Worker<T, Operand> worker(kernel, problem, plan.max_kv);
    kernel.begin();
    for (std::int64_t task = next++; task < tasks; task = next++)
      worker.run(plan.blocks[static_cast<std::size_t>(task / problem.kv_heads)], task % problem.kv_heads);
    kernel.end();
  });
  return out;
}

}  // namespace

at::Tensor packed_attention(const PanelKernel& kernel, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const AttentionPlan& plan, const AttentionOptions& options) {
  if (q.scalar_type() == at::kFloat) return run<float, float>(kernel, q, k, v, plan, options);
  return kernel.widens ? run<at::BFloat16, float>(kernel, q, k, v, plan, options)
                       : run<at::BFloat16, at::BFloat16>(kernel, q, k, v, plan, options);
}

}  // namespace armorm::model::cpu
