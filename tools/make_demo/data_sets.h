// The data sets of the demo, with the columns of the published ones.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/parquet_writer.h"

namespace armorm::demo {

// messages, and 19 nullable attributes; a row has those of its source.
std::vector<data::ParquetColumn> make_multi_objective(std::int64_t rows, std::uint64_t seed);
// chosen, rejected, source. The deciding qualities depend on the kind of prompt; one pair in twenty has
// swapped labels.
std::vector<data::ParquetColumn> make_preference(std::int64_t pairs, std::uint64_t seed);
// chosen, rejected, source: answers of all qualities, for measuring the correlation with verbosity.
std::vector<data::ParquetColumn> make_reference(std::int64_t pairs, std::uint64_t seed);
// prompt, chosen, rejected, subset, id: the 23 subsets of RewardBench v1 in equal numbers, labelled without
// error.
std::vector<data::ParquetColumn> make_reward_bench(std::int64_t rows, std::uint64_t seed);
// The columns of RewardBench 2: five subsets with one good and three bad answers, and Ties, whose prompts
// form pairs.
std::vector<data::ParquetColumn> make_reward_bench_2(std::int64_t rows, std::uint64_t seed);

// All texts of these columns, for training the tokenizer.
std::vector<std::string> texts_of(const std::vector<data::ParquetColumn>& columns);

}  // namespace armorm::demo
