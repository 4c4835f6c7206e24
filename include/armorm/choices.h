// Choices that only the options of the stages use.
#pragma once

#include <array>
#include <string_view>

namespace armorm {

enum class OnBadRow {
  error,  // the run ends
  skip,   // the row is left out and recorded
};
constexpr std::array<std::string_view, 2> words_of(OnBadRow) { return {"error", "skip"}; }

// Rows that stay on one side of the train/validation split, and in one fold.
enum class SplitBy {
  row,
  prompt,  // all rows with the same prompt
};
constexpr std::array<std::string_view, 2> words_of(SplitBy) { return {"row", "prompt"}; }

enum class Compat {
  none,
  upstream,  // the Python scripts: softmax over the pair, debiasing not applied
};
constexpr std::array<std::string_view, 2> words_of(Compat) { return {"none", "upstream"}; }

// Whether arrays that grow with a data set are in temporary files, whose pages the system can write back and
// drop.
enum class ScratchFiles {
  auto_,  // where they would take much memory
  on,
  off,
};
constexpr std::array<std::string_view, 3> words_of(ScratchFiles) { return {"auto", "on", "off"}; }

// How the decoder's weight files get into the export. A hard link shares the bytes on disk with the model
// folder or Hub cache, takes no space, survives when those are deleted, and is copied as a file when the
// folder is copied to another machine.
enum class ExportWeights {
  auto_,  // link, and copy where the file system cannot link
  link,   // link, or an io error
  copy,   // copy, without tensors that the reward model has no use for
};
constexpr std::array<std::string_view, 3> words_of(ExportWeights) { return {"auto", "link", "copy"}; }

// What the scores of an export are. Both forms are the same model: the trained Bradley-Terry scale divides
// scores, contributions and gate weights, or does not.
enum class ExportScale {
  one,      // rewards, comparable with the released model's: the gate's weights sum to 1
  trained,  // logits of the training loss, as version 0.1 exported: the weights sum to the trained scale
};
constexpr std::array<std::string_view, 2> words_of(ExportScale) { return {"one", "trained"}; }

// How `score` sums up the pairs of a data set.
enum class Benchmark {
  auto_,           // by the rows: a benchmark whose subsets they name, else none
  none,            // accuracy, and accuracy by subset
  reward_bench,    // sections of RewardBench 1
  reward_bench_2,  // sections of RewardBench 2
};
constexpr std::array<std::string_view, 4> words_of(Benchmark) {
  return {"auto", "none", "reward_bench", "reward_bench_2"};
}

enum class ScoreField { score, rewards, gate, contributions, coefficients, tokens };
constexpr std::array<std::string_view, 6> words_of(ScoreField) {
  return {"score", "rewards", "gate", "contributions", "coefficients", "tokens"};
}

}  // namespace armorm
