// cudnn.h on CUDA: plans of cuDNN, kept by device and shape, on ATen's current stream.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>

#include "model/common/packed_shape.h"

namespace armorm::model::cuda {

std::string cudnn_name();
std::string why_no_cudnn(at::Device device);
std::string why_no_graph(const PackedShape& shape, int capability, const std::string& device);
std::optional<at::Tensor> cudnn_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                          const AttentionPlan& plan, const AttentionOptions& options);

}  // namespace armorm::model::cuda
