#include "data/mixture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "core/error.h"
#include "core/log.h"
#include "hub/cache.h"
#include "hub/snapshot.h"

namespace armorm::data {
namespace fs = std::filesystem;
namespace {

// "the set "a": ", before errors of a mixture's sets that say nothing of it.
void named(const std::string& prefix, const std::function<void()>& use) {
  try {
    use();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted || prefix.empty()) throw;
    throw Error(error.kind(), prefix + error.what());
  }
}

std::string prefix_of(const Recipe& recipe, const MixtureSet& set) {
  return recipe.is_mixture ? fmt::format("the set \"{}\": ", set.name) : "";
}

DatasetOptions options_of(const SetSource& source, const StopRequested& stop) {
  return {.path = hub::resolve_dataset(source.path, stop),
          .split = source.split,
          .config = source.config,
          .columns = source.columns,
          .form = source.form};
}

// Empty for a folder that is no snapshot of the Hub.
std::string commit_of(const fs::path& folder) {
  return hub::is_hub_snapshot(folder) ? folder.filename().string() : "";
}

Mixture::Set open_set(const MixtureSet& set, const StopRequested& stop) {
  const DatasetOptions options = options_of(set.source, stop);
  return {.recipe = set,
          .dataset = Dataset::open(options),
          .form = nullptr,
          .labels = {},
          .commit = commit_of(options.path)};
}

// The rows of the set; empty = all.
std::vector<bool> own_rows(const Mixture::Set& set, const std::vector<bool>& wanted) {
  if (wanted.empty()) return {};
  return {wanted.begin() + set.first_row, wanted.begin() + set.first_row + set.rows};
}

RejectRow own_reject(const Mixture::Set& set, const RejectRow& reject) {
  if (!reject) return {};
  return [&set, &reject](std::int64_t row, const std::string& column, const std::string& reason) {
    reject(set.first_row + row, column, reason);
  };
}

void warn_of_ranked_pairs(const std::string& prefix, const Mixture::Set& set) {
  const bool is_ranked = set.form != nullptr && set.form->is_ranked();
  if (set.recipe.source.form.ranked_pairs != RankedPairs::best || is_ranked) return;
  log::warn("{}{}: `ranked_pairs` is without effect: labels do not rank the answers of the form {}", prefix,
            set.recipe.source.path, set.form != nullptr ? set.form->name : "conversational");
}

}  // namespace

void in_set(const Mixture& mixture, const Mixture::Set& set, const std::function<void()>& use) {
  named(prefix_of(mixture.recipe(), set.recipe), use);
}

void in_evaluation_set(const std::function<void()>& use) { named("exclude_prompts_of: ", use); }

Mixture::Mixture(Recipe recipe, RowKind kind, const StopRequested& stop)
    : recipe_(std::move(recipe)), kind_(kind) {
  std::int64_t first_row = 0;
  for (const MixtureSet& set : recipe_.sets)
    named(prefix_of(recipe_, set), [&] {
      Set opened = open_set(set, stop);
      opened.first_row = first_row;
      opened.rows = opened.dataset.num_rows();
      first_row += opened.rows;
      sets_.push_back(std::move(opened));
    });
  for (const SetSource& source : recipe_.exclude_prompts_of)
    in_evaluation_set([&] { evaluation_sets_.push_back(Dataset::open(options_of(source, stop))); });
}

Mixture Mixture::of_ratings(Recipe recipe, const LabelColumns& columns, const StopRequested& stop) {
  Mixture mixture(std::move(recipe), RowKind::ratings, stop);
  mixture.columns_ = columns;
  for (Set& set : mixture.sets_)
    in_set(mixture, set, [&] {
      set.labels = mixture.is_mixture() ? labels_of_set(set.recipe, set.dataset, columns)
                                        : all_labels(set.dataset, columns);
      set.form = set.labels.form;
    });
  if (mixture.is_mixture()) mixture.check_attributes();
  return mixture;
}

Mixture Mixture::of_pairs(Recipe recipe, const StopRequested& stop) {
  Mixture mixture(std::move(recipe), RowKind::pairs, stop);
  for (Set& set : mixture.sets_)
    in_set(mixture, set, [&] {
      set.form = set.dataset.pair_form();
      warn_of_ranked_pairs(prefix_of(mixture.recipe_, set.recipe), set);
    });
  return mixture;
}

void Mixture::check_attributes() const {
  std::vector<std::string> lacking;
  for (std::size_t k = 0; k < columns_.attributes.size(); ++k) {
    const bool given = std::any_of(sets_.begin(), sets_.end(), [k](const Set& set) {
      return std::any_of(set.labels.places.begin(), set.labels.places.end(),
                         [k](const SetLabels::Place& place) { return place.attribute == k; });
    });
    if (!given) lacking.push_back(columns_.attributes[k]);
  }
  if (!lacking.empty())
    fail_usage("no set of the mixture gives {}; leave them out of `attributes`, or name them in the recipe",
               fmt::join(lacking, ", "));
}

std::int64_t Mixture::num_rows() const { return sets_.back().first_row + sets_.back().rows; }

std::vector<fs::path> Mixture::files() const {
  std::vector<fs::path> files;
  for (const Set& set : sets_)
    files.insert(files.end(), set.dataset.files().begin(), set.dataset.files().end());
  for (const Dataset& set : evaluation_sets_)
    files.insert(files.end(), set.files().begin(), set.files().end());
  return files;
}

void Mixture::check_unchanged() const {
  for (const Set& set : sets_) set.dataset.check_unchanged();
  for (const Dataset& set : evaluation_sets_) set.check_unchanged();
}

bool Mixture::is_weighted() const {
  return !columns_.weight_column.empty() || std::any_of(sets_.begin(), sets_.end(), [](const Set& set) {
    return set.recipe.weight.has_value();
  });
}

bool Mixture::lacks_labels(const LabelledRow& row) const {
  const Form* form = form_of(row.row_id);
  return form != nullptr && !form->ratings.empty() &&
         std::all_of(row.labels.begin(), row.labels.begin() + std::ssize(columns_.attributes),
                     [](float label) { return std::isnan(label); });
}

std::size_t Mixture::set_of(std::int64_t row_id) const {
  // A set without rows has the first row of the next one.
  const auto after = std::upper_bound(sets_.begin(), sets_.end(), row_id,
                                      [](std::int64_t row, const Set& set) { return row < set.first_row; });
  return static_cast<std::size_t>(after - sets_.begin()) - 1;
}

std::string Mixture::row_name(std::int64_t row_id) const {
  if (!is_mixture()) return std::to_string(row_id);
  const Set& set = sets_[set_of(row_id)];
  return fmt::format("{}:{}", set.recipe.name, row_id - set.first_row);
}

template <class Row>
void Mixture::for_each(const std::vector<bool>& wanted, const std::function<void(Row&&)>& visit,
                       const RejectRow& reject) const {
  for (const Set& set : sets_) {
    const std::vector<bool> own = own_rows(set, wanted);
    if (is_mixture() && !wanted.empty() && std::find(own.begin(), own.end(), true) == own.end()) continue;
    bool by_visitor = false;  // an error that names its row already, which may be one of an earlier set
    const auto take = [&](Row&& row) {
      row.row_id += set.first_row;
      by_visitor = true;
      visit(std::move(row));
      by_visitor = false;
    };
    const auto read = [&] {
      if constexpr (std::is_same_v<Row, LabelledRow>)
        set.dataset.for_each_labelled(set.labels.requested, own, take, own_reject(set, reject));
      else
        set.dataset.for_each_preference(own, take, own_reject(set, reject));
    };
    try {
      read();
    } catch (const Error& error) {
      if (by_visitor) throw;
      named(prefix_of(recipe_, set.recipe), [] { throw; });
    }
  }
}

void Mixture::for_each_labelled(const std::vector<bool>& wanted,
                                const std::function<void(LabelledRow&&)>& visit,
                                const RejectRow& reject) const {
  if (!is_mixture()) return for_each(wanted, visit, reject);
  const std::function<void(LabelledRow &&)> placed = [&](LabelledRow&& row) {
    const Set& set = sets_[set_of(row.row_id)];
    in_set(*this, set,
           [&] { row.labels = set.labels.labels_of(row.labels, columns_.attributes.size(), is_weighted()); });
    visit(std::move(row));
  };
  for_each(wanted, placed, reject);
}

void Mixture::for_each_preference(const std::vector<bool>& wanted,
                                  const std::function<void(PreferenceRow&&)>& visit,
                                  const RejectRow& reject) const {
  if (sets_.size() == 1) return for_each(wanted, visit, reject);
  const std::function<void(PreferenceRow &&)> checked = [&](PreferenceRow&& row) {
    if (!row.all_chosen.empty())
      fail_data(
          "row {}: has lists of chosen and rejected answers, which are evaluated together (RewardBench 2); "
          "prepare such a set by itself",
          row_name(row.row_id));
    visit(std::move(row));
  };
  for_each(wanted, checked, reject);
}

}  // namespace armorm::data
