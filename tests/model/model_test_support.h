// Shared by the model tests: golden folders, packs, and errors.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "core/error.h"
#include "io/safetensors.h"
#include "model/backbone.h"
#include "support/test_support.h"

namespace armorm::test {

inline const std::vector<std::string>& golden_models() {
  static const std::vector<std::string> names = {"llama_gqa",          "llama_tied",      "llama_odd_heads",
                                                 "llama_sharded",      "llama31_rope",    "llama_linear_rope",
                                                 "llama_dynamic_rope", "gemma2",          "mistral_window",
                                                 "mistral_full",       "qwen2",           "qwen2_window",
                                                 "llama_yarn",         "qwen2_yarn",      "qwen3",
                                                 "qwen3_window",       "qwen3_tied_yarn", "phi3",
                                                 "phi3_longrope",      "phi3_partial",    "gemma3",
                                                 "gemma3_ropes",       "gemma3_nested",   "internlm2",
                                                 "internlm2_dynamic",  "internlm2_bias"};
  return names;
}

inline std::filesystem::path golden_model(const std::string& name) { return golden("model") / name; }

constexpr int kCpu = -1;

inline model::Backbone load_on(int device, const std::string& name, Precision precision = Precision::fp32) {
  return model::Backbone::load(
      {.model_folder = golden_model(name), .precision = precision, .device = device});
}

inline model::Backbone load_cpu(const std::string& name) { return load_on(kCpu, name); }

// One sequence of a golden with its states from transformers, [length * hidden].
struct GoldenSequence {
  std::vector<text::tokenizer::TokenId> tokens;
  std::vector<float> fp32;
  std::vector<float> bf16;
};

inline std::vector<float> widened(const io::TensorView& view) {
  std::vector<float> out;
  for (const BFloat16 value : view.as<BFloat16>()) out.push_back(value.to_float());
  return out;
}

inline std::vector<GoldenSequence> golden_sequences(const std::string& name) {
  const io::SafetensorsFile file = io::SafetensorsFile::open(golden_model(name) / "golden.safetensors");
  std::vector<GoldenSequence> out;
  for (int i = 0; file.contains("tokens." + std::to_string(i)); ++i) {
    const std::string index = std::to_string(i);
    const auto tokens = file.at("tokens." + index).as<std::int32_t>();
    const auto fp32 = file.at("fp32." + index).as<float>();
    out.push_back(
        {{tokens.begin(), tokens.end()}, {fp32.begin(), fp32.end()}, widened(file.at("bf16." + index))});
  }
  return out;
}

inline model::PackedBatch pack(const std::vector<std::vector<text::tokenizer::TokenId>>& sequences) {
  model::PackedBatch batch;
  batch.cu_seqlens = {0};
  for (const auto& tokens : sequences) {
    batch.tokens.insert(batch.tokens.end(), tokens.begin(), tokens.end());
    batch.cu_seqlens.push_back(std::ssize(batch.tokens));
  }
  return batch;
}

inline void want_all(model::PackedBatch& batch) {
  for (std::int64_t i = 0; i < std::ssize(batch.tokens); ++i) batch.wanted.push_back(i);
}

// [wanted * hidden]
inline std::vector<float> embed(const model::Backbone& backbone, const model::PackedBatch& batch) {
  const auto rows = std::ssize(batch.wanted);
  std::vector<float> out(static_cast<std::size_t>(rows * backbone.config().hidden_size), NAN);
  backbone.collect(backbone.submit(batch), {out.data(), rows, backbone.config().hidden_size});
  return out;
}

// NaN on either side is an infinite difference.
inline double max_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    largest = std::isnan(difference) ? INFINITY : std::max(largest, difference);
  }
  return largest;
}

inline double squared_error(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
  return sum;
}

}  // namespace armorm::test
