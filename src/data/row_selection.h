// Chooses the rows of a mixture by its recipe, the same for every shard.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "data/mixture.h"

namespace armorm::data {

// Why a row is left out, in the order in which the reasons are looked for.
enum class LeftOut { where, max_rows, evaluation_prompt, evaluation_ngram, duplicate };
constexpr std::array<std::string_view, 5> words_of(LeftOut) {
  return {"outside where", "beyond max_rows", "evaluation prompt", "words of an evaluation prompt",
          "duplicate"};
}

struct RowSelection {
  struct OfSet {
    std::int64_t taken = 0;
    std::array<std::int64_t, words_of(LeftOut{}).size()> left_out{};  // rows, by reason
  };
  std::vector<std::int64_t> rows;  // row ids, ascending
  std::vector<OfSet> sets;
};

// All rows of a set that is no mixture, and of a recipe that leaves none out. Otherwise:
// 1. Of each set, the rows that `where` accepts; of these the first max_rows, or the first of the shuffle
//    datasets.Dataset.shuffle(seed).
// 2. Rows of which a prompt, the contents of the messages before an answer with a line feed between them,
//    overlaps with one of an evaluation set are left out (data/prompt_overlap.h).
// 3. Of rows with the same prompts and answers, in any order and whichever is preferred, the first is taken.
//    Rows that give no pair or no label do not count.
// Steps 2 and 3 read all rows that step 1 takes. Memory: 24 bytes for each row of step 3, and the words of
// the evaluation prompts. A row that cannot be read stays, for whoever reads it to report; a cell of a
// `where` column that cannot be read is an error, or, with `skip_bad`, a warning and not what `where`
// accepts. data error for a `where` that accepts no row.
RowSelection select_rows(const Mixture& mixture, bool skip_bad);

}  // namespace armorm::data
