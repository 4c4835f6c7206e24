#include "data/column_account.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/accounting.h"

namespace armorm::data {
namespace {

// What rows are and where they come from; scores that rank pairs whose order is known.
constexpr std::array<std::string_view, 47> kDescriptive{"id",
                                                        "idx",
                                                        "index",
                                                        "uid",
                                                        "uuid",
                                                        "row_id",
                                                        "prompt_id",
                                                        "question_id",
                                                        "conversation_id",
                                                        "hash",
                                                        "url",
                                                        "source",
                                                        "data_source",
                                                        "dataset",
                                                        "dataset_name",
                                                        "origin",
                                                        "subset",
                                                        "split",
                                                        "category",
                                                        "task",
                                                        "task_type",
                                                        "topic",
                                                        "domain",
                                                        "lang",
                                                        "language",
                                                        "license",
                                                        "timestamp",
                                                        "created_at",
                                                        "annotator",
                                                        "annotator_id",
                                                        "metadata",
                                                        "model",
                                                        "models",
                                                        "chosen_model",
                                                        "rejected_model",
                                                        "chosen_score",
                                                        "rejected_score",
                                                        "score_chosen",
                                                        "score_rejected",
                                                        "chosen_rating",
                                                        "rejected_rating",
                                                        "num_correct",
                                                        "num_incorrect",
                                                        "total_completions",
                                                        "additional_metadata",
                                                        "__index_level_0__",
                                                        "Unnamed: 0"};

}  // namespace

bool ColumnAccount::describes_rows(std::string_view column) {
  return std::find(kDescriptive.begin(), kDescriptive.end(), column) != kDescriptive.end();
}

void ColumnAccount::warn_of_unread(const std::map<std::string, std::int64_t>& columns) {
  Accounting account(where_, "column");
  account.ignore(kDescriptive);
  for (const std::string& column : used_) account.use(column);
  for (const auto& [column, rows] : columns)
    if (named_.insert(column).second) account.give(column, rows);
  account.warn_of_rest("no row is made from it");
}

}  // namespace armorm::data
