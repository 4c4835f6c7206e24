// A frozen decoder that turns token sequences into final-norm hidden states.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "armorm/gpu_attention.h"
#include "armorm/precision.h"
#include "core/matrix_view.h"
#include "model/model_config.h"
#include "model/model_folder.h"
#include "model/prefix_cache.h"
#include "text/tokenizer/tokenizer.h"

namespace armorm::model {

struct BackboneOptions {
  ModelFolder model_folder;
  Precision precision = Precision::bf16;
  // Of fp8: auto sums fast where the device can.
  Fp8Accumulate fp8_accumulate = Fp8Accumulate::auto_;
  int device = 0;  // CUDA device index; -1 = CPU
  // A row's bits do not depend on the rest of its pack: every matrix product runs in one fixed shape. Slower
  // by the padding of a pack's last rows.
  bool batch_invariant = false;
  GpuAttention attention = GpuAttention::automatic;
  bool loaded_before = false;  // warnings about the weights were given then
  // Bytes for weights in the device's memory: layers beyond them are read again in each sweep
  // (streaming_plan.h). 0 = from the free memory; nullopt = all weights stay. Results have the same bits.
  std::optional<std::uint64_t> weights_memory = std::nullopt;
  // An existing folder for a temporary file of hidden states, when it is needed.
  std::filesystem::path scratch_folder = ".";
};

// "cuDNN 9.19.0" if attention goes through that library where it has plans; "" on a CPU, and where LibTorch
// computes all of it.
std::string cudnn_of(const BackboneOptions& options);

// Why sequences of a model must not share prefixes in a pack, or "" if they may. With dynamic and longrope
// scaling the keys of a prefix depend on the length of the complete sequence. On CUDA, batch_invariant with
// shared prefixes holds only in FlashAttention (16-bit heads of a multiple of 8, no soft cap): other products
// choose their algorithm by the shape of the sequence without its prefix.
std::string_view why_no_shared_prefixes(const ModelConfig& config, const BackboneOptions& options);

// Rows of a grid on CUDA. FlashAttention's has one for each sequence of a pack, and in the last layer for
// each wanted row.
inline constexpr std::int64_t kMaxCudaBlocks = 65535;

// Concatenated sequences without padding; on CUDA at most kMaxCudaBlocks, and as many wanted rows.
struct PackedBatch {
  std::vector<text::tokenizer::TokenId> tokens;  // [total tokens]
  std::vector<std::int64_t> cu_seqlens;          // [sequences + 1], starts with 0
  std::vector<std::int64_t> wanted;              // indices into tokens, any order: the rows of the result
  // Empty, or [sequences]: the earlier sequence that each one continues, -1 for none. A continuation sees all
  // keys of that sequence (and of its own prefix) before its own keys, and its positions continue from there:
  // a prefix that many sequences share is computed once. The result equals that of the complete sequence.
  std::vector<std::int64_t> prefix_of;
  // Empty, or [sequences]: rows that a sequence without a prefix in the batch continues, as it would continue
  // another sequence. Of the same backbone, from its take_kept().
  std::vector<CachedPrefix> cached;
  // Prefixes whose keys and values are copied out: the first `tokens` of a sequence, prefixes included. Only
  // where some row is wanted.
  struct Kept {
    std::int64_t sequence = 0;
    std::int64_t tokens = 0;
  };
  std::vector<Kept> keep;
};

// Rows of a submit() in progress; pass to collect() once, by move.
class PendingRows {
 public:
  PendingRows(PendingRows&&) noexcept;
  PendingRows& operator=(PendingRows&&) noexcept;
  ~PendingRows();

  // Rows by PackedBatch::keep. On CUDA they are valid in the order of the device's stream.
  std::vector<std::shared_ptr<const PrefixRows>> take_kept();

 private:
  friend class Backbone;
  struct Impl;
  explicit PendingRows(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Weights are const after load. Only collect() may run concurrently with other calls on the same Backbone.
class Backbone {
 public:
  // usage error if the device does not exist or has too little memory, or weights_memory is too small.
  static Backbone load(const BackboneOptions& options);

  const ModelConfig& config() const;
  std::string_view why_no_shared_prefixes() const;  // see the free function

  // Computes the final-norm hidden state of each wanted token. On CUDA it only enqueues the work, so that the
  // next pack can be submitted before the last one is collected and the device never waits for the host.
  // data error for a token id outside the vocabulary; all errors, out of memory included, come from here.
  PendingRows submit(const PackedBatch& batch) const;

  // Bytes of PrefixRows for one token: 2 * layers * kv_heads * head_dim * element size.
  std::uint64_t prefix_bytes_per_token() const;

  // Whether layers are read again in each sweep.
  bool streams() const;
  // A sweep of more tokens may not fit the device. At most one pack may have more.
  std::int64_t most_sweep_tokens() const;
  struct Sweep {
    std::vector<PendingRows> rows;  // by pack
    double seconds = 0.0;           // of all
    double waited = 0.0;            // of these, for layers that were not ready
    double loading = 0.0;           // seconds in which layers were read, meanwhile
  };
  // As submit() of each pack, but each streamed layer is read once for all of them. Such packs have no cached
  // prefixes, and keep none.
  Sweep sweep(std::span<const PackedBatch* const> packs) const;

  // Waits for the rows and writes them, float32 [wanted, hidden_size] (bf16 results are exact in it). Returns
  // the seconds that the device spent on this work. May run on another thread than submit(), at the same
  // time.
  double collect(PendingRows rows, MatrixView<float> out) const;

  std::string device_name() const;  // "cpu", "cuda:0"
  // Bytes of device memory free for activations, including those that the allocator keeps for reuse (on the
  // CPU: host memory). With layers that are streamed, those that were set aside when it was loaded.
  std::int64_t free_memory() const;

  Backbone(Backbone&&) noexcept;
  Backbone& operator=(Backbone&&) noexcept;
  ~Backbone();

 private:
  struct Impl;
  explicit Backbone(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace armorm::model
