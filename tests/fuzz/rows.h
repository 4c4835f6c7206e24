// Reads a data set's file in all the ways of the stages.
#pragma once

#include <algorithm>

#include "core/error.h"
#include "data/dataset.h"
#include "fuzz/driver.h"

namespace armorm::fuzz {

constexpr std::size_t kRowsRead = 256;

inline void try_to(const auto& call) {
  try {
    call();
  } catch (const Error& error) {
    require(error.kind() == ErrorKind::data, error.what());
  }
}

inline void touch_turns(const Conversation& turns) {
  for (const Message& turn : turns) {
    touch(turn.role);
    touch(turn.content);
    touch(turn.json);
  }
}

// As rows of each form.
inline void read_forms(data::DatasetOptions options, const std::vector<bool>& wanted,
                       const data::RejectRow& reject) {
  for (std::size_t form = 1; form < words_of(PairForm{}).size(); ++form) {
    options.form.pairs = static_cast<PairForm>(form);
    try_to([&] {
      data::Dataset::open(options).for_each_preference(
          wanted,
          [](data::PreferenceRow&& row) {
            for (const Conversation& answer : row.answers) touch_turns(answer);
            for (const data::AnswerPair& pair : row.pairs)
              require(pair.chosen < row.answers.size() && pair.rejected < row.answers.size(),
                      "a pair of an answer that is not there");
          },
          reject);
    });
  }
  for (std::size_t form = 1; form < words_of(RatingForm{}).size(); ++form) {
    options.form.ratings = static_cast<RatingForm>(form);
    try_to([&] {
      data::Dataset::open(options).for_each_labelled(
          {"label", "code-style"}, wanted, [](data::LabelledRow&& row) { touch_turns(row.messages); },
          reject);
    });
  }
}

// `options.path` is a file, or a folder with its own layout.
inline void read_rows(data::DatasetOptions options) {
  const data::Dataset set = data::Dataset::open(options);
  const std::int64_t rows = set.num_rows();
  std::vector<bool> wanted(static_cast<std::size_t>(rows), false);
  std::fill_n(wanted.begin(), std::min(kRowsRead, wanted.size()), true);
  const data::RejectRow reject = [&](std::int64_t row, const std::string& column, const std::string& reason) {
    require(row >= 0 && row < rows, "a row that is not there was rejected");
    touch(column);
    touch(reason);
  };
  options.columns = {{"label", "score"}};
  const data::Dataset renamed = data::Dataset::open(options);
  try_to([&] {
    renamed.for_each_labelled(
        {"label"}, wanted, [](data::LabelledRow&& row) { touch_turns(row.messages); }, reject);
  });
  try_to([&] {
    set.for_each_preference(
        wanted,
        [](data::PreferenceRow&& row) {
          touch_turns(row.chosen);
          touch_turns(row.rejected);
        },
        reject);
  });
  options.columns = {};
  read_forms(options, wanted, reject);
  for (const std::string& column : set.column_names())
    if (column.size() < 16)
      try_to([&] { touch(column + std::to_string(set.read_strings(column, reject).size())); });
}

inline void read_rows(const std::filesystem::path& file) {
  data::DatasetOptions options;
  options.path = file;
  read_rows(options);
}

}  // namespace armorm::fuzz
