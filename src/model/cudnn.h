// Packed attention through cuDNN's graphs, on GPUs for which the build, LibTorch's libcudnn and the device
// have them. Its bits depend on the sizes of a pack, by which cuDNN chooses a plan.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>

#include "model/common/packed_shape.h"

namespace armorm::model {

// "cuDNN 9.19.0", the library that LibTorch has loaded; "" if this build or this process has none.
std::string cudnn_name();

// Why attention on this device does not go through cuDNN, or "".
std::string why_no_cudnn(at::Device device);

// Why cuDNN refuses the graph of this shape for a device that need not be there, or "". The device has a
// compute capability (90 = 9.0) and a description in cuDNN's JSON (cuda/cudnn_graph.h). It may still have no
// plan.
std::string why_no_graph(const PackedShape& shape, int capability, const std::string& device);

// As packed_attention(), on a device for which why_no_cudnn() is "". nullopt if cuDNN has no plan for these
// tensors.
std::optional<at::Tensor> cudnn_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                          const AttentionPlan& plan, const AttentionOptions& options);

}  // namespace armorm::model
