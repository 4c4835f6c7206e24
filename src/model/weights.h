// The tensors of a decoder, under the names that transformers gives them, fused for fewer and larger
// products.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "io/safetensors.h"
#include "model/linear.h"
#include "model/model_config.h"

namespace armorm::model {

struct LayerWeights {
  at::Tensor input_norm;           // norms: float32 [hidden], with the 1 of Gemma's (1 + w) added
  at::Tensor post_attention_norm;  // Llama: before the MLP. Gemma: on the attention's output
  at::Tensor pre_mlp_norm;         // Gemma only
  at::Tensor post_mlp_norm;        // Gemma only
  Linear qkv;                      // [(heads + 2 * kv_heads) * head_dim, hidden]; of all layers but the last
  Linear q;                        // [heads * head_dim, hidden]; the last layer's, for the wanted rows alone
  Linear kv;                       // [2 * kv_heads * head_dim, hidden]; the last layer's
  Linear o;                        // [hidden, heads * head_dim]
  Linear gate_up;                  // [2 * intermediate, hidden]
  Linear down;                     // [hidden, intermediate]
};

struct DecoderWeights {
  at::Tensor embedding;  // [vocab, hidden]
  std::vector<LayerWeights> layers;
  at::Tensor final_norm;  // float32 [hidden]
};

// Tensors that already have `dtype`, lie on the CPU and are not laid out anew stay views of the mapped file:
// `files` must outlive the result. Pages of the others are given back once they are copied, so that the host
// holds the weights at most once. Names may have the prefix "model." or not; heads of any kind are left
// aside. data error naming a tensor that is missing or has another shape or an element type that is no
// floating-point one. `fp8`: the layers' matrices are quantised (fp8.h).
DecoderWeights load_weights(const SafetensorsFolder& files, const ModelConfig& config, at::ScalarType dtype,
                            at::Device device, bool fp8 = false);

}  // namespace armorm::model
