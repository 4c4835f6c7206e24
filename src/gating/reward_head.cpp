#include "gating/reward_head.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "core/error.h"
#include "core/parallel.h"
#include "gating/dot_products.h"

namespace armorm::gating {
namespace {

// Rows that share one pass over the weights; the weights are larger than the caches.
constexpr std::int64_t kBlockRows = 16;

// softmax(logits / temperature), in place.
void softmax(std::span<float> logits, double temperature) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (float& x : logits) {
    x = static_cast<float>(std::exp((static_cast<double>(x) - largest) / temperature));
    sum += x;
  }
  for (float& x : logits) x = static_cast<float>(x / sum);
}

// One block of rows of every matrix.
class Block {
 public:
  Block(const RewardHead& head, HeadScores& out, std::int64_t first, std::int64_t rows)
      : head_(head), out_(out), first_(first), rows_(rows) {}

  void run(MatrixView<const float> embeddings, MatrixView<const float> prompts) {
    rewards(embeddings);
    gate(prompts);
    for (std::int64_t row = first_; row < first_ + rows_; ++row) combine(row);
  }

 private:
  std::span<float> row_of(std::vector<float>& matrix, std::int64_t row) const {
    return std::span(matrix).subspan(static_cast<std::size_t>(row * head_.n_attributes),
                                     static_cast<std::size_t>(head_.n_attributes));
  }

  void rewards(MatrixView<const float> embeddings) {
    const std::int64_t k = head_.n_attributes;
    dot_products(
        {head_.weight.data(), k, head_.hidden_size}, head_.bias,
        {embeddings.data + first_ * embeddings.row_stride, rows_, embeddings.cols, embeddings.row_stride},
        {out_.rewards.data() + first_ * k, rows_, k});
  }

  void gate(MatrixView<const float> prompts) {
    MatrixView<const float> in(prompts.data + first_ * prompts.row_stride, rows_, prompts.cols,
                               prompts.row_stride);
    std::vector<float> before, after;
    for (std::size_t i = 0; i < head_.gate.layers.size(); ++i) {
      const GateLayer& layer = head_.gate.layers[i];
      after.resize(static_cast<std::size_t>(rows_ * layer.out));
      dot_products({layer.weight.data(), layer.out, layer.in}, layer.bias, in,
                   {after.data(), rows_, layer.out});
      if (i + 1 < head_.gate.layers.size())
        for (float& x : after) x = std::max(x, 0.0F);
      std::swap(before, after);
      in = {before.data(), rows_, layer.out};
    }
    std::copy(before.begin(), before.end(), row_of(out_.gate, first_).data());
    for (std::int64_t row = first_; row < first_ + rows_; ++row) {
      softmax(row_of(out_.gate, row), head_.temperature);
      for (float& x : row_of(out_.gate, row)) x *= head_.gate.logit_scale;
    }
  }

  void combine(std::int64_t row) {
    const auto rewards = row_of(out_.rewards, row), gate = row_of(out_.gate, row);
    const auto contributions = row_of(out_.contributions, row), coefficients = row_of(out_.coefficients, row);
    double score = 0.0;
    for (std::size_t k = 0; k < rewards.size(); ++k) {
      double debiased = head_.transform.empty() ? rewards[k] : 0.0;
      double coefficient = head_.transform.empty() ? gate[k] : 0.0;
      for (std::size_t j = 0; j < rewards.size() && !head_.transform.empty(); ++j) {
        debiased += static_cast<double>(rewards[j]) * head_.transform[j * rewards.size() + k];
        coefficient += static_cast<double>(gate[j]) * head_.transform[k * rewards.size() + j];
      }
      contributions[k] = static_cast<float>(gate[k] * debiased);
      coefficients[k] = static_cast<float>(coefficient);
      score += gate[k] * debiased;
    }
    out_.score[static_cast<std::size_t>(row)] = static_cast<float>(score);
  }

  const RewardHead& head_;
  HeadScores& out_;
  std::int64_t first_;
  std::int64_t rows_;
};

void check(const RewardHead& head, MatrixView<const float> embeddings, MatrixView<const float> prompts) {
  if (embeddings.cols != head.hidden_size || prompts.cols != head.hidden_size ||
      embeddings.rows != prompts.rows)
    fail_internal("score_states: found embeddings [{}, {}] and prompts [{}, {}], expected width {}",
                  embeddings.rows, embeddings.cols, prompts.rows, prompts.cols, head.hidden_size);
  if (head.gate.layers.empty() || head.gate.layers.back().out != head.n_attributes)
    fail_internal("score_states: the gate does not end in {} attributes", head.n_attributes);
}

}  // namespace

HeadScores score_states(const RewardHead& head, MatrixView<const float> embeddings,
                        MatrixView<const float> prompts, int threads) {
  check(head, embeddings, prompts);
  const std::int64_t rows = embeddings.rows;
  const auto size = static_cast<std::size_t>(rows * head.n_attributes);
  HeadScores out;
  for (auto* matrix : {&out.rewards, &out.gate, &out.contributions, &out.coefficients}) matrix->resize(size);
  out.score.resize(static_cast<std::size_t>(rows));
  parallel_for((rows + kBlockRows - 1) / kBlockRows, threads, [&](std::int64_t block) {
    const std::int64_t first = block * kBlockRows;
    Block(head, out, first, std::min(kBlockRows, rows - first)).run(embeddings, prompts);
  });
  return out;
}

}  // namespace armorm::gating
