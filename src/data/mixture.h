// Several data sets, or one, read as one: the rows of the first set, then those of the second, and so on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "armorm/stop.h"
#include "data/conversation.h"
#include "data/dataset.h"
#include "data/recipe.h"
#include "data/set_labels.h"

namespace armorm::data {

// Row ids are positions among the rows of all sets, before any is left out (data/row_selection.h). Not
// thread-safe.
class Mixture {
 public:
  struct Set {
    MixtureSet recipe;
    Dataset dataset;
    const Form* form = nullptr;  // of its rows; null = none that is known
    SetLabels labels;            // ratings
    std::int64_t first_row = 0;
    std::int64_t rows = 0;
    std::string commit = {};  // on the Hub; empty for other files
  };

  // Sets are downloaded where they are Hub ids; `stop` ends a download. Errors of Dataset::open(), which
  // name the set of a mixture; usage error for an attribute that no set of a mixture gives.
  static Mixture of_ratings(Recipe recipe, const LabelColumns& columns, const StopRequested& stop);
  static Mixture of_pairs(Recipe recipe, const StopRequested& stop);

  const Recipe& recipe() const noexcept { return recipe_; }
  bool is_mixture() const noexcept { return recipe_.is_mixture; }
  const std::vector<Set>& sets() const noexcept { return sets_; }
  const std::vector<Dataset>& evaluation_sets() const noexcept { return evaluation_sets_; }
  std::int64_t num_rows() const;
  // Of sets and evaluation sets, in the order of the recipe.
  std::vector<std::filesystem::path> files() const;
  void check_unchanged() const;
  bool is_ratings() const noexcept { return kind_ == RowKind::ratings; }
  // Whether rows of ratings have a weight, as the last label.
  bool is_weighted() const;
  // Whether a row whose form has ratings of its own comes without any that is wanted.
  bool lacks_labels(const LabelledRow& row) const;

  std::size_t set_of(std::int64_t row_id) const;
  const Form* form_of(std::int64_t row_id) const { return sets_[set_of(row_id)].form; }
  std::string row_name(std::int64_t row_id) const;  // "set:row"; the row alone of a set that is no mixture

  // As the functions of Dataset, for the rows that are wanted (indexed by row id; empty = all). Labels are
  // the mixture's attributes, scaled, and the weight if there is one. Errors of reading name the set of a
  // mixture. Best-of-n rows (RewardBench 2) in a mixture of several sets are a data error.
  void for_each_labelled(const std::vector<bool>& wanted, const std::function<void(LabelledRow&&)>& visit,
                         const RejectRow& reject = {}) const;
  void for_each_preference(const std::vector<bool>& wanted, const std::function<void(PreferenceRow&&)>& visit,
                           const RejectRow& reject = {}) const;

 private:
  Mixture(Recipe recipe, RowKind kind, const StopRequested& stop);
  void check_attributes() const;
  template <class Row>
  void for_each(const std::vector<bool>& wanted, const std::function<void(Row&&)>& visit,
                const RejectRow& reject) const;

  Recipe recipe_;
  RowKind kind_;
  LabelColumns columns_;
  std::vector<Set> sets_;
  std::vector<Dataset> evaluation_sets_;
};

// Runs `use`; its errors begin with the name of the set, of a mixture.
void in_set(const Mixture& mixture, const Mixture::Set& set, const std::function<void()>& use);
// The same of an evaluation set.
void in_evaluation_set(const std::function<void()>& use);

}  // namespace armorm::data
