// The forward pass of Llama-like decoders over a pack: from weights to final-norm hidden states.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <optional>
#include <vector>

#include "model/attention.h"
#include "model/linear_input.h"
#include "model/model_config.h"
#include "model/ops.h"
#include "model/pack.h"
#include "model/prefix_rows.h"
#include "model/rope.h"
#include "model/weights.h"

namespace armorm::model {

// The positions of a pack's tokens, as layers rotate by them.
struct PackRopes {
  RopeTable full;
  RopeTable sliding;  // of the layers with a window; the same one where they rotate alike
};

// A pack between two layers.
struct PackState {
  PackRopes ropes;
  at::Tensor residual;               // [tokens, hidden]; after the last layer [wanted, hidden]
  LinearInput normed{at::Tensor()};  // the next layer's input; undefined: computed from the residual again
  std::vector<PrefixRows> kept{};    // by PackLayout::keep; layers are added as they run
};

class Decoder {
 public:
  // cudnn: attention through cuDNN's plans where it has them; not with batch_invariant.
  Decoder(ModelConfig config, DecoderWeights weights, at::Device device, bool batch_invariant, bool cudnn);

  const ModelConfig& config() const noexcept { return config_; }
  at::Device device() const noexcept { return device_; }

  // Final-norm hidden states of the wanted tokens, [wanted, hidden] in the dtype of the weights. The last
  // layer computes queries, output projection and MLP for the wanted tokens only.
  at::Tensor forward(const PackLayout& layout) const;
  // The same, and moves the rows of PackLayout::keep to `kept`.
  at::Tensor forward(const PackLayout& layout, std::vector<PrefixRows>& kept) const;

  // forward() in steps, for layers that are streamed: begin(), each layer in order, then state.normed.
  PackState begin(const PackLayout& layout) const;
  void run_layer(std::size_t index, const LayerWeights& layer, const PackLayout& layout,
                 PackState& state) const;
  const std::vector<LayerWeights>& layers() const noexcept { return weights_.layers; }

 private:
  at::Tensor embed(const at::Tensor& tokens) const;
  at::Tensor attention(std::size_t index, const LayerWeights& layer, const LinearInput& normed,
                       const PackLayout& layout, const RopeTable& rope, std::vector<PrefixRows>& kept) const;
  at::Tensor last_attention(std::size_t index, const LayerWeights& layer, const LinearInput& normed,
                            const PackLayout& layout, const RopeTable& rope,
                            std::vector<PrefixRows>& kept) const;
  at::Tensor mlp(const LayerWeights& layer, const LinearInput& normed, std::int64_t rows_at_once) const;
  void place(at::Tensor& heads, const at::Tensor& norm, const RopeTable& rope) const;
  AttentionOptions attention_options(std::size_t layer) const;

  ModelConfig config_;
  DecoderWeights weights_;
  at::Device device_;
  Rope rope_;
  std::optional<Rope> sliding_rope_;  // of the layers with a window, where it is another
  Activation activation_;
  // Rows per product over all tokens, and over the wanted ones; 0 = as many as there are.
  std::int64_t token_rows_ = 0;
  std::int64_t wanted_rows_ = 0;
  bool cudnn_;
};

}  // namespace armorm::model
