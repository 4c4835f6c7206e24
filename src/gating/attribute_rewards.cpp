#include "gating/attribute_rewards.h"

#include <ATen/ATen.h>

namespace armorm::gating {
namespace {

at::Tensor view_of(const std::vector<float>& values, at::IntArrayRef shape) {
  return at::from_blob(const_cast<float*>(values.data()), shape, at::kFloat);
}

}  // namespace

std::vector<float> attribute_rewards(MatrixView<const BFloat16> embeddings, const std::vector<float>& weight,
                                     const std::vector<float>& bias) {
  const std::int64_t k = static_cast<std::int64_t>(weight.size()) / embeddings.cols;
  const at::Tensor weight_t = view_of(weight, {k, embeddings.cols}).t();
  const at::Tensor rows =
      at::from_blob(const_cast<BFloat16*>(embeddings.data), {embeddings.rows, embeddings.cols}, at::kBFloat16)
          .to(at::kFloat);
  const at::Tensor rewards =
      bias.empty() ? rows.matmul(weight_t) : at::addmm(view_of(bias, {k}), rows, weight_t);
  const float* values = rewards.const_data_ptr<float>();
  return {values, values + rewards.numel()};
}

void transform_rewards(MatrixView<float> rewards, const std::vector<float>& transform) {
  const at::Tensor rows = at::from_blob(rewards.data, {rewards.rows, rewards.cols}, at::kFloat);
  rows.copy_(rows.matmul(view_of(transform, {rewards.cols, rewards.cols})));
}

}  // namespace armorm::gating
