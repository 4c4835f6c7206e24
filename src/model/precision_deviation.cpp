#include "model/precision_deviation.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "model/extractor.h"

namespace armorm::model {
namespace {

std::vector<float> embeddings(const Backbone& backbone,
                              std::span<const std::span<const text::tokenizer::TokenId>> rows) {
  const auto width = static_cast<std::size_t>(backbone.config().hidden_size);
  std::vector<ExtractionRequest> requests;
  for (const auto& tokens : rows) requests.push_back({tokens, {std::ssize(tokens) - 1}});
  std::vector<float> out(rows.size() * width);
  Extractor extractor(backbone, {});
  extractor.run(requests, [&](std::size_t request, MatrixView<const float> row) {
    std::copy_n(row.data, width, out.begin() + static_cast<std::ptrdiff_t>(request * width));
  });
  return out;
}

Backbone load_bf16(const BackboneOptions& options) {
  try {
    return Backbone::load(options);
  } catch (const Error& error) {
    throw Error(error.kind(),
                fmt::format("the model is loaded once more, in bf16, to compare with: {}", error.what()));
  }
}

}  // namespace

Deviation deviation_from_bf16(const Backbone& backbone, BackboneOptions options,
                              std::span<const std::span<const text::tokenizer::TokenId>> rows) {
  const std::vector<float> ours = embeddings(backbone, rows);
  options.precision = Precision::bf16;
  options.loaded_before = true;
  const std::vector<float> exact = embeddings(load_bf16(options), rows);
  const auto width = static_cast<std::size_t>(backbone.config().hidden_size);
  Deviation deviation{std::ssize(rows)};
  double differences = 0.0;
  double squares = 0.0;
  for (std::size_t begin = 0; begin < ours.size(); begin += width) {
    double dot = 0.0;
    double a2 = 0.0;
    double b2 = 0.0;
    for (std::size_t i = begin; i < begin + width; ++i) {
      const double a = ours[i];
      const double b = exact[i];
      differences += (a - b) * (a - b);
      dot += a * b;
      a2 += a * a;
      b2 += b * b;
    }
    squares += b2;
    deviation.lowest_cosine = std::min(deviation.lowest_cosine, dot / std::sqrt(a2 * b2));
  }
  deviation.relative = std::sqrt(differences / squares);
  return deviation;
}

}  // namespace armorm::model
