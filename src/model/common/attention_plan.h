// Parameters of an attention kernel over packed sequences, besides its tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace armorm::model {

struct AttentionOptions {
  double scale = 1.0;        // of the dot products, before the soft cap
  double softcap = 0.0;      // c * tanh(score / c); 0 = none
  std::int64_t window = 0;   // keys visible to a query, its own included; 0 = all before it
  bool fixed_order = false;  // a row's bits must not depend on the other blocks
  bool cudnn = false;        // on CUDA: cuDNN's plans where it has them; not with fixed_order
};

// Query rows [q_begin, q_begin + q_count) attend to key rows [kv_begin, kv_begin + kv_count). The last query
// has the position of the last key, the one before it that of the key before, and so on; each query sees keys
// up to its own position.
struct AttentionBlock {
  std::int64_t q_begin = 0;
  std::int64_t q_count = 0;
  std::int64_t kv_begin = 0;
  std::int64_t kv_count = 0;
};

struct AttentionPlan {
  std::vector<AttentionBlock> blocks;  // together they cover every query row once, in order
  std::int64_t max_q = 0;              // largest q_count
  std::int64_t max_kv = 0;             // largest kv_count
  // For kernels that read the blocks on the device, int32: block_table() with rounded_sequences(), and its
  // [blocks + 1] first query rows, [blocks + 1] first key rows, [blocks] key counts. Undefined on CPU.
  at::Tensor table;
  at::Tensor q_starts;
  at::Tensor kv_starts;
  at::Tensor kv_counts;
};

}  // namespace armorm::model
