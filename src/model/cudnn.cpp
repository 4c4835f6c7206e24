#include "model/cudnn.h"

#ifdef ARMORM_WITH_CUDNN
#include "model/cuda/cudnn_attention.h"
#endif

namespace armorm::model {

#ifndef ARMORM_WITH_CUDNN
namespace {

constexpr const char* kNotBuilt = "this build was made without cuDNN's front end";

}  // namespace

std::string cudnn_name() { return ""; }

std::string why_no_cudnn(at::Device /*device*/) { return kNotBuilt; }

std::string why_no_graph(const PackedShape& /*shape*/, int /*capability*/, const std::string& /*device*/) {
  return kNotBuilt;
}

std::optional<at::Tensor> cudnn_attention(const at::Tensor& /*q*/, const at::Tensor& /*k*/,
                                          const at::Tensor& /*v*/, const AttentionPlan& /*plan*/,
                                          const AttentionOptions& /*options*/) {
  return std::nullopt;
}
#else
std::string cudnn_name() { return cuda::cudnn_name(); }

std::string why_no_cudnn(at::Device device) { return cuda::why_no_cudnn(device); }

std::string why_no_graph(const PackedShape& shape, int capability, const std::string& device) {
  return cuda::why_no_graph(shape, capability, device);
}

std::optional<at::Tensor> cudnn_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                          const AttentionPlan& plan, const AttentionOptions& options) {
  return cuda::cudnn_attention(q, k, v, plan, options);
}
#endif

}  // namespace armorm::model
