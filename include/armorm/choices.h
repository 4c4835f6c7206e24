// What may be chosen in the options of the stages alone.
#pragma once

#include <array>
#include <string_view>

namespace armorm {

enum class OnBadRow {
  error,  // the run ends
  skip,   // the row is left out and recorded
};
constexpr std::array<std::string_view, 2> words_of(OnBadRow) { return {"error", "skip"}; }

// What stays together on one side of the train/validation split, and in one fold.
enum class SplitBy {
  row,
  prompt,  // all rows with the same prompt
};
constexpr std::array<std::string_view, 2> words_of(SplitBy) { return {"row", "prompt"}; }

enum class Compat {
  none,
  upstream,  // the Python scripts: the softmax runs over the pair, and the debiasing is not applied
};
constexpr std::array<std::string_view, 2> words_of(Compat) { return {"none", "upstream"}; }

// What becomes of the decoder's weight files in an exported model. A hard link shares the bytes on the disk
// with the model folder or Hub cache, costs nothing, survives when those are deleted, and is copied as a file
// when the folder goes to another machine.
enum class ExportWeights {
  auto_,  // link, and copy where the file system cannot link
  link,   // link, or an io error
  copy,   // copy, without tensors that the reward model has no use for
};
constexpr std::array<std::string_view, 3> words_of(ExportWeights) { return {"auto", "link", "copy"}; }

enum class ScoreField { score, rewards, gate, contributions, coefficients, tokens };
constexpr std::array<std::string_view, 6> words_of(ScoreField) {
  return {"score", "rewards", "gate", "contributions", "coefficients", "tokens"};
}

}  // namespace armorm
