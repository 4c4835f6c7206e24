#include "model/cpu/attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>

#include "model/cpu/brgemm.h"
#include "model/cpu/simd_rows.h"

namespace armorm::model::cpu {
namespace {

constexpr std::int64_t kKeyTile = 128;  // keys per tile
constexpr std::int64_t kQueryTile =
    64;  // query rows per tile: positions times the heads that share a key head

// In the right operand of a product, bfloat16 rows 2i and 2i + 1 are interleaved: [rows / 2, columns, 2].
void pack_keys(const at::BFloat16* keys, std::int64_t stride, std::int64_t count, std::int64_t dim,
               at::BFloat16* out) {
  auto* words = reinterpret_cast<std::uint32_t*>(out);
  std::fill(words, words + dim / 2 * kKeyTile, 0U);
  for (std::int64_t n = 0; n < count; ++n) {
    const auto* row = reinterpret_cast<const std::byte*>(keys + n * stride);
    for (std::int64_t d = 0; d < dim / 2; ++d) std::memcpy(words + d * kKeyTile + n, row + 4 * d, 4);
  }
}

void pack_keys(const float* keys, std::int64_t stride, std::int64_t count, std::int64_t dim, float* out) {
  std::fill(out, out + dim * kKeyTile, 0.0F);
  for (std::int64_t n = 0; n < count; ++n) {
    for (std::int64_t d = 0; d < dim; ++d) out[d * kKeyTile + n] = keys[n * stride + d];
  }
}

void pack_values(const at::BFloat16* values, std::int64_t stride, std::int64_t count, std::int64_t dim,
                 at::BFloat16* out) {
  std::fill(out, out + kKeyTile * dim, at::BFloat16(0.0F));
  for (std::int64_t n = 0; n < count; ++n) {
    at::BFloat16* to = out + n / 2 * 2 * dim + n % 2;
    for (std::int64_t d = 0; d < dim; ++d) to[2 * d] = values[n * stride + d];
  }
}

void pack_values(const float* values, std::int64_t stride, std::int64_t count, std::int64_t dim, float* out) {
  for (std::int64_t n = 0; n < count; ++n) std::copy_n(values + n * stride, dim, out + n * dim);
  std::fill(out + count * dim, out + kKeyTile * dim, 0.0F);
}

void round_row(const float* row, at::BFloat16* out) {
  simd::narrow(row, reinterpret_cast<std::uint16_t*>(out), kKeyTile);
}
void round_row(const float* row, float* out) { std::copy_n(row, kKeyTile, out); }

void write_row(const float* row, std::int64_t dim, at::BFloat16* out) {
  simd::narrow(row, reinterpret_cast<std::uint16_t*>(out), dim);
}
void write_row(const float* row, std::int64_t dim, float* out) { std::copy_n(row, dim, out); }

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

// Scratch memory of one thread, and the loop over one block's queries for one key head.
template <class T>
class Worker {
 public:
  Worker(const Problem<T>& problem, std::int64_t max_keys)
      : p_(problem),
        positions_(std::max<std::int64_t>(1, kQueryTile / problem.group())),
        max_rows_(round_up(positions_ * problem.group(), kRowMultiple)),
        keys_(size(round_up(max_keys, kKeyTile) * problem.dim)),
        values_(keys_.size()),
        queries_(size(max_rows_ * problem.dim)),
        weights_(size(max_rows_ * kKeyTile)),
        scores_(size(max_rows_ * kKeyTile)),
        sums_(size(max_rows_ * problem.dim)),
        maxima_(size(max_rows_)),
        totals_(size(max_rows_)) {}

  void run(const AttentionBlock& block, std::int64_t kv_head) {
    pack(block, kv_head);
    for (std::int64_t first = 0; first < block.q_count; first += positions_) {
      attend(block, kv_head, first, std::min(positions_, block.q_count - first));
    }
  }

 private:
  static std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

  // The key at the position of the block's query `position`.
  static std::int64_t key_of(const AttentionBlock& block, std::int64_t position) {
    return block.kv_count - block.q_count + position;
  }
  std::int64_t first_key_seen(std::int64_t own_key) const {
    return p_.options.window > 0 ? std::max<std::int64_t>(0, own_key - p_.options.window + 1) : 0;
  }

  void pack(const AttentionBlock& block, std::int64_t kv_head) {
    const std::int64_t begin = first_key_seen(key_of(block, 0)) / kKeyTile * kKeyTile;
    for (std::int64_t key = begin; key < block.kv_count; key += kKeyTile) {
      const std::int64_t count = std::min(kKeyTile, block.kv_count - key);
      const std::int64_t row = block.kv_begin + key;
      pack_keys(p_.k + row * p_.k_stride + kv_head * p_.dim, p_.k_stride, count, p_.dim,
                keys_.data() + key * p_.dim);
      pack_values(p_.v + row * p_.v_stride + kv_head * p_.dim, p_.v_stride, count, p_.dim,
                  values_.data() + key * p_.dim);
    }
  }

  void attend(const AttentionBlock& block, std::int64_t kv_head, std::int64_t first, std::int64_t count) {
    const std::int64_t width = p_.group() * p_.dim;
    const std::int64_t rows = round_up(count * p_.group(), kRowMultiple);
    const std::int64_t head_at = kv_head * width;
    for (std::int64_t i = 0; i < count; ++i) {
      std::copy_n(p_.q + (block.q_begin + first + i) * p_.q_stride + head_at, width,
                  queries_.data() + i * width);
    }
    std::fill(queries_.begin() + count * width, queries_.begin() + rows * p_.dim, T(0.0F));
    std::fill(maxima_.begin(), maxima_.end(), -std::numeric_limits<float>::infinity());
    std::fill(totals_.begin(), totals_.end(), 0.0F);
    const std::int64_t last_key = key_of(block, first + count - 1);
    const std::int64_t first_tile = first_key_seen(key_of(block, first)) / kKeyTile;
    for (std::int64_t tile = first_tile; tile <= last_key / kKeyTile; ++tile) {
      add_tile(block, first, count, rows, tile, tile == first_tile);
    }
    for (std::int64_t r = 0; r < count * p_.group(); ++r) {
      simd::scale(sums_.data() + r * p_.dim, 1.0F / totals_[size(r)], p_.dim);
      const std::int64_t token = block.q_begin + first + r / p_.group();
      write_row(sums_.data() + r * p_.dim, p_.dim,
                p_.out + token * p_.heads * p_.dim + head_at + r % p_.group() * p_.dim);
    }
  }

  void add_tile(const AttentionBlock& block, std::int64_t first, std::int64_t count, std::int64_t rows,
                std::int64_t tile, bool is_first) {
    const std::int64_t at = tile * kKeyTile;
    brgemm({rows, kKeyTile, p_.dim}, queries_.data(), p_.dim, keys_.data() + at * p_.dim, scores_.data(),
           false);
    for (std::int64_t r = 0; r < count * p_.group(); ++r) {
      const std::int64_t own_key = key_of(block, first + r / p_.group());
      const std::int64_t from = std::clamp<std::int64_t>(first_key_seen(own_key) - at, 0, kKeyTile);
      const std::int64_t to = std::clamp<std::int64_t>(own_key + 1 - at, 0, kKeyTile);
      weigh(r, from, std::max(from, to), is_first);
    }
    for (std::int64_t r = count * p_.group(); r < rows; ++r) {
      std::fill_n(weights_.data() + r * kKeyTile, kKeyTile, T(0.0F));
    }
    brgemm({rows, p_.dim, kKeyTile}, weights_.data(), kKeyTile, values_.data() + at * p_.dim, sums_.data(),
           !is_first);
  }

  // Turns scores [from, to) of row r into weights; rescales the row's sums when its maximum rises.
  void weigh(std::int64_t r, std::int64_t from, std::int64_t to, bool is_first) {
    float* row = scores_.data() + r * kKeyTile;
    float* seen = row + from;
    const std::int64_t n = to - from;
    if (n > 0) {
      float& maximum = maxima_[size(r)];
      const auto scale = static_cast<float>(p_.options.scale);
      const auto cap = static_cast<float>(p_.options.softcap);
      const float highest =
          cap > 0.0F ? simd::scale_cap_max(seen, scale, cap, n) : simd::scale_max(seen, scale, n);
      if (highest > maximum) {
        const float shrink = std::exp(maximum - highest);
        totals_[size(r)] *= shrink;
        if (!is_first) simd::scale(sums_.data() + r * p_.dim, shrink, p_.dim);
        maximum = highest;
      }
      totals_[size(r)] += simd::exp_and_sum(seen, maximum, n);
    }
    std::fill(row, seen, 0.0F);
    std::fill(seen + n, row + kKeyTile, 0.0F);
    round_row(row, weights_.data() + r * kKeyTile);
  }

  const Problem<T>& p_;
  std::int64_t positions_;
  std::int64_t max_rows_;
  std::vector<T> keys_;     // tiles of [dim, kKeyTile]
  std::vector<T> values_;   // tiles of [kKeyTile, dim]
  std::vector<T> queries_;  // [max_rows, dim]
  std::vector<T> weights_;  // [max_rows, kKeyTile]
  std::vector<float> scores_;
  std::vector<float> sums_;  // [max_rows, dim]
  std::vector<float> maxima_;
  std::vector<float> totals_;
};

template <class T>
at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionPlan& plan,
               const AttentionOptions& options) {
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
    Worker<T> worker(problem, plan.max_kv);
    for (std::int64_t task = next++; task < tasks; task = next++) {
      worker.run(plan.blocks[static_cast<std::size_t>(task / problem.kv_heads)], task % problem.kv_heads);
    }
    brgemm_release();
  });
  return out;
}

}  // namespace

bool supports_attention(const at::Tensor& q) { return q.is_cpu() && supports_brgemm(q.scalar_type()); }

at::Tensor packed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const AttentionPlan& plan, const AttentionOptions& options) {
  return q.scalar_type() == at::kBFloat16 ? run<at::BFloat16>(q, k, v, plan, options)
                                          : run<float>(q, k, v, plan, options);
}

}  // namespace armorm::model::cpu
