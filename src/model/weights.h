// The tensors of a decoder under their names in transformers, fused for fewer and larger products.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "model/embedding_rows.h"
#include "model/linear.h"
#include "model/model_config.h"
#include "model/weights_folder.h"

namespace armorm::model {

struct LayerWeights {
  at::Tensor input_norm;           // norms: float32 [hidden], with the 1 of Gemma's (1 + w) added
  at::Tensor post_attention_norm;  // before the MLP; with norms of outputs, of the attention's output
  at::Tensor pre_mlp_norm;         // with norms of outputs only
  at::Tensor post_mlp_norm;        // with norms of outputs only
  at::Tensor q_norm;               // float32 [head_dim]; with norms of heads only
  at::Tensor k_norm;
  Linear qkv;      // [(heads + 2 * kv_heads) * head_dim, hidden]; all layers but the last
  Linear q;        // [heads * head_dim, hidden]; last layer, for the wanted rows only
  Linear kv;       // [2 * kv_heads * head_dim, hidden]; last layer
  Linear o;        // [hidden, heads * head_dim]
  Linear gate_up;  // [2 * intermediate, hidden]
  Linear down;     // [hidden, intermediate]
};

struct DecoderWeights {
  at::Tensor embedding;                                 // [vocab, hidden], or
  std::shared_ptr<const EmbeddingRows> embedding_rows;  // with layers that are streamed, on the CPU
  std::vector<LayerWeights> layers;                     // those that are streamed have their norms alone
  at::Tensor final_norm;                                // float32 [hidden]
  WeightFormat format = WeightFormat::plain;
  bool own_kernels = false;  // every product has a kernel of cpu/panel_kernels.h
};

// Tensors that have `dtype`, are on the CPU and need no new layout stay views of the mapped file: `files`
// must outlive the result. The pages of the other tensors are given back once they are copied, so that the
// host holds the weights at most once. Heads of any kind are ignored; with `warns`, one warning names other
// tensors that are not read. data error that names a tensor that is missing, has another shape, or has a
// non-floating-point type. `format`: of the matrices of the layers. `streamed`: for each layer whether its
// matrices are only checked, or empty; the embedding table then stays in its file, unless an adapter changes
// it.
DecoderWeights load_weights(const WeightsFolder& files, const ModelConfig& config, at::ScalarType dtype,
                            at::Device device, WeightFormat format = WeightFormat::plain, bool warns = true,
                            const std::vector<bool>& streamed = {});

// One layer, with the bits that load_weights() gives it.
LayerWeights load_layer(const WeightsFolder& files, const ModelConfig& config, at::ScalarType dtype,
                        at::Device device, WeightFormat format, std::int64_t index);

}  // namespace armorm::model
