#include "model/rope.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <utility>

#include "model/upload.h"

namespace armorm::model {
namespace {

at::Tensor plain_frequencies(double theta, std::int64_t dim) {
  const at::Tensor exponent = at::arange(0, dim, 2, at::kFloat) / static_cast<double>(dim);
  return 1.0 / at::pow(theta, exponent);
}

// Llama 3.1: divides the frequencies of long wavelengths by `factor`, keeps those of short ones, blends
// between.
at::Tensor llama3_frequencies(const at::Tensor& plain, const RopeScaling& scaling) {
  const auto context = static_cast<double>(scaling.original_max_position_embeddings);
  const at::Tensor wavelength = 2.0 * std::numbers::pi / plain;
  const at::Tensor slowed = plain / scaling.factor;
  const at::Tensor smooth =
      (context / wavelength - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
  const at::Tensor blended = (1.0 - smooth) * slowed + smooth * plain;
  const at::Tensor is_long = wavelength.gt(context / scaling.low_freq_factor);
  const at::Tensor is_short = wavelength.lt(context / scaling.high_freq_factor);
  return at::where(is_long, slowed, at::where(is_short, plain, blended));
}

// "Dynamic NTK": beyond the trained length the base grows with the sequence.
double dynamic_theta(const ModelConfig& config, double factor, std::int64_t sequence_length) {
  const auto trained = static_cast<double>(config.max_position_embeddings);
  const double length = std::max(static_cast<double>(sequence_length), trained);
  const auto dim = static_cast<double>(config.head_dim);
  return config.rope_theta * std::pow(factor * length / trained - (factor - 1.0), dim / (dim - 2.0));
}

// One element at a time: in vector libraries the last bit of an element can depend on its position in the
// array.
RopeTable cos_and_sin(const at::Tensor& angles) {
  RopeTable table{at::empty_like(angles), at::empty_like(angles)};
  const auto* from = angles.const_data_ptr<float>();
  auto* cos = table.cos.mutable_data_ptr<float>();
  auto* sin = table.sin.mutable_data_ptr<float>();
  constexpr std::int64_t kGrain = 4096;
  at::parallel_for(0, angles.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      cos[i] = std::cos(from[i]);
      sin[i] = std::sin(from[i]);
    }
  });
  return table;
}

}  // namespace

Rope::Rope(ModelConfig config, at::Device device)
    : config_(std::move(config)), device_(device), frequencies_(inverse_frequencies(0).to(device)) {}

bool Rope::depends_on_length(std::int64_t sequence_length) const {
  return config_.rope_scaling && config_.rope_scaling->rope_type == "dynamic" &&
         sequence_length > config_.max_position_embeddings;
}

at::Tensor Rope::inverse_frequencies(std::int64_t sequence_length) const {
  if (!config_.rope_scaling) return plain_frequencies(config_.rope_theta, config_.head_dim);
  const RopeScaling& scaling = *config_.rope_scaling;
  if (scaling.rope_type == "dynamic") {
    return plain_frequencies(dynamic_theta(config_, scaling.factor, sequence_length), config_.head_dim);
  }
  const at::Tensor plain = plain_frequencies(config_.rope_theta, config_.head_dim);
  return scaling.rope_type == "linear" ? plain / scaling.factor : llama3_frequencies(plain, scaling);
}

at::Tensor Rope::per_token_frequencies(const std::vector<std::int64_t>& sequence_lengths) const {
  std::map<std::int64_t, std::int64_t> row_of_length;
  std::vector<at::Tensor> rows;
  std::vector<std::int64_t> row_of_token;
  row_of_token.reserve(sequence_lengths.size());
  for (const std::int64_t length : sequence_lengths) {
    const auto [entry, is_new] = row_of_length.try_emplace(length, std::ssize(rows));
    if (is_new) rows.push_back(inverse_frequencies(length));
    row_of_token.push_back(entry->second);
  }
  return upload(at::stack(rows), device_).index_select(0, upload(row_of_token, device_));
}

RopeTable Rope::table(const std::vector<std::int64_t>& positions,
                      const std::vector<std::int64_t>& sequence_lengths) const {
  const bool varies = std::any_of(sequence_lengths.begin(), sequence_lengths.end(),
                                  [&](std::int64_t length) { return depends_on_length(length); });
  const at::Tensor frequencies = varies ? per_token_frequencies(sequence_lengths) : frequencies_;
  const at::Tensor angles = upload(positions, device_).to(at::kFloat).unsqueeze(1) * frequencies;
  return device_.is_cpu() ? cos_and_sin(angles) : RopeTable{at::cos(angles), at::sin(angles)};
}

}  // namespace armorm::model
