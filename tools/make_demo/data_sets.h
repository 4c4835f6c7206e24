// The data sets of the demonstration, in the columns of the published ones.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/parquet_writer.h"

namespace armorm::demo {

// messages, and 19 nullable attributes of which a row carries those of its source.
std::vector<ParquetColumn> make_multi_objective(std::int64_t rows, std::uint64_t seed);
// chosen, rejected, source. What decides depends on the kind of prompt; one pair in twenty is labelled the
// wrong way.
std::vector<ParquetColumn> make_preference(std::int64_t pairs, std::uint64_t seed);
// chosen, rejected, source: answers of every quality, on which the correlation with verbosity is measured.
std::vector<ParquetColumn> make_reference(std::int64_t pairs, std::uint64_t seed);
// prompt, chosen, rejected, subset, id: the 23 subsets of RewardBench v1 in equal parts, labelled without
// error.
std::vector<ParquetColumn> make_reward_bench(std::int64_t rows, std::uint64_t seed);
// The columns of RewardBench 2: five subsets of one good and three bad answers, and Ties, whose prompts come
// in twos.
std::vector<ParquetColumn> make_reward_bench_2(std::int64_t rows, std::uint64_t seed);

// Every text of these columns, for training the tokenizer.
std::vector<std::string> texts_of(const std::vector<ParquetColumn>& columns);

}  // namespace armorm::demo
