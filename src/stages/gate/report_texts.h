// The texts of pairs in the report of stage2-train, read from the data set by row id.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "armorm/stage2_train.h"
#include "armorm/stop.h"
#include "report/gate_report.h"
#include "stages/artifacts/embedding_set.h"
#include "stages/explain/pair_texts.h"
#include "stages/prepare/dataset_inputs.h"

namespace armorm::stages::gate {

class ReportTexts {
 public:
  // Opens the data set of the pairs. io or data error, before anything is trained: if it is not found, if its
  // files are not those that the embeddings were made from, or if the prompt of one of `pairs` (positions in
  // `set`) is another one.
  ReportTexts(const Stage2TrainOptions& options, const artifacts::EmbeddingSet& set,
              std::span<const std::int64_t> pairs, const StopRequested& stop);

  // Adds texts, and what would flip the preference, to the first `report_texts` examples of the set with this
  // name: those that are surest and wrong first. data error if the data set has changed.
  void add_to(report::GateReport& report, const std::string& set) const;

 private:
  using Visit = std::function<void(std::int64_t pair, const explain::PairSides& sides)>;
  void check_origin(const artifacts::EmbeddingSet& set) const;
  void read_pairs(const artifacts::EmbeddingSet& set);
  // Calls `visit` for each of the pairs, after a comparison of its prompt.
  void for_each(std::span<const std::int64_t> pairs, const Visit& visit) const;
  void check_prompt(std::int64_t pair, const explain::PairSides& sides) const;

  std::int64_t most_;
  bool over_attributes_;  // the softmax; a flip has no meaning otherwise
  std::string description_;
  prepare::DatasetInputs dataset_;
  std::vector<std::int64_t> row_ids_;        // [N]
  std::vector<std::int64_t> prompt_ids_;     // [N], or empty
  std::vector<explain::RowPair> row_pairs_;  // [N], or empty: rows have one pair
};

// How many pairs the report lists as surest and wrong, so that `report_texts` pairs can have texts.
std::size_t wrong_examples(std::int64_t report_texts);

}  // namespace armorm::stages::gate
