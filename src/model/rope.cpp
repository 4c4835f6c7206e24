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
double dynamic_theta(double theta, double factor, std::int64_t trained_length, std::int64_t sequence_length,
                     std::int64_t rotary_dim) {
  const auto trained = static_cast<double>(trained_length);
  const double length = std::max(static_cast<double>(sequence_length), trained);
  const auto dim = static_cast<double>(rotary_dim);
  return theta * std::pow(factor * length / trained - (factor - 1.0), dim / (dim - 2.0));
}

// YaRN (arXiv 2309.00071): frequencies that turn often in the original length are kept, those that turn
// seldom divided by `factor`, with a ramp between.
at::Tensor yarn_frequencies(double theta, std::int64_t dim, const RopeScaling& scaling) {
  const auto context = static_cast<double>(scaling.original_max_position_embeddings);
  const auto d = static_cast<double>(dim);
  const auto dimension_of = [&](double turns) {
    return d * std::log(context / (turns * 2.0 * std::numbers::pi)) / (2.0 * std::log(theta));
  };
  double low = dimension_of(scaling.beta_fast);
  double high = dimension_of(scaling.beta_slow);
  if (scaling.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, d - 1.0);
  if (low == high) high += 0.001;
  const at::Tensor ramp = ((at::arange(dim / 2, at::kFloat) - low) / (high - low)).clamp(0.0, 1.0);
  const at::Tensor wavelength = at::pow(theta, at::arange(0, dim, 2, at::kFloat) / d);
  const at::Tensor kept = 1.0 - ramp;
  return 1.0 / (scaling.factor * wavelength) * (1.0 - kept) + 1.0 / wavelength * kept;
}

at::Tensor longrope_frequencies(double theta, std::int64_t dim, const std::vector<double>& factors) {
  const at::Tensor wavelength = at::pow(theta, at::arange(0, dim, 2, at::kFloat) / static_cast<double>(dim));
  return 1.0 / (at::tensor(factors, at::kFloat) * wavelength);
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

Rope::Rope(const ModelConfig& config, RopeParameters parameters, at::Device device)
    : parameters_(std::move(parameters)),
      head_dim_(config.head_dim),
      rotary_dim_(config.rotary_dim),
      max_positions_(config.max_position_embeddings),
      device_(device),
      frequencies_(inverse_frequencies(0).to(device)) {}

bool Rope::depends_on_length(std::int64_t sequence_length) const {
  const std::optional<RopeScaling>& scaling = parameters_.scaling;
  if (!scaling || !scaling->depends_on_length()) return false;
  return sequence_length >
         (scaling->rope_type == "longrope" ? scaling->original_max_position_embeddings : max_positions_);
}

at::Tensor Rope::inverse_frequencies(std::int64_t sequence_length) const {
  const double theta = parameters_.theta;
  if (!parameters_.scaling) return plain_frequencies(theta, rotary_dim_);
  const RopeScaling& scaling = *parameters_.scaling;
  if (scaling.rope_type == "dynamic")
    return plain_frequencies(
        dynamic_theta(theta, scaling.factor, max_positions_, sequence_length, rotary_dim_), rotary_dim_);
  if (scaling.rope_type == "yarn") return yarn_frequencies(theta, rotary_dim_, scaling);
  if (scaling.rope_type == "longrope")
    return longrope_frequencies(
        theta, rotary_dim_, depends_on_length(sequence_length) ? scaling.long_factor : scaling.short_factor);
  const at::Tensor plain = plain_frequencies(theta, rotary_dim_);
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
  RopeTable table = device_.is_cpu() ? cos_and_sin(angles) : RopeTable{at::cos(angles), at::sin(angles)};
  if (parameters_.scaling && parameters_.scaling->attention_factor != 1.0) {
    table.cos.mul_(parameters_.scaling->attention_factor);
    table.sin.mul_(parameters_.scaling->attention_factor);
  }
  const std::int64_t others = head_dim_ / 2 - rotary_dim_ / 2;
  if (others == 0) return table;
  return {at::constant_pad_nd(table.cos, {0, others}, 1.0), at::constant_pad_nd(table.sin, {0, others}, 0.0)};
}

}  // namespace armorm::model
