#include "data/row_selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/numpy_random.h"
#include "core/words.h"
#include "data/answer_pairs.h"
#include "data/prompt_overlap.h"
#include "data/prompt_rule.h"
#include "data/prompt_text.h"

namespace armorm::data {
namespace {

RejectRow leave_to_reader() {
  return [](std::int64_t, const std::string&, const std::string&) {};
}

// Hashing the lengths distinguishes "a" + "bc" from "ab" + "c".
void update(Sha256& hash, const std::string& text) {
  hash.update(std::to_string(text.size()) + ":");
  hash.update(text);
}

std::string digest_of(const Conversation& conversation) {
  Sha256 hash;
  for (const Message& message : conversation) update(hash, canonical_text(message));
  return hash.hex();
}

// 128 bits of SHA-256 over the row's conversations, in any order.
class RowHashes {
 public:
  void reserve(std::size_t rows) { hashes_.reserve(rows); }
  void add(std::int64_t row_id, std::vector<std::string> digests) {
    std::sort(digests.begin(), digests.end());
    const std::string hex = sha256_hex(fmt::format("{}", fmt::join(digests, "")));
    const auto word = [&hex](std::size_t at) { return std::stoull(hex.substr(at, 16), nullptr, 16); };
    hashes_.emplace_back(word(0), word(16), row_id);
  }

  // All but the first row of equal ones.
  std::vector<std::int64_t> duplicates() {
    std::sort(hashes_.begin(), hashes_.end());
    std::vector<std::int64_t> rows;
    for (std::size_t i = 1; i < hashes_.size(); ++i)
      if (hashes_[i][0] == hashes_[i - 1][0] && hashes_[i][1] == hashes_[i - 1][1])
        rows.push_back(static_cast<std::int64_t>(hashes_[i][2]));
    return rows;
  }

 private:
  struct Entry : std::array<std::uint64_t, 3> {
    Entry(std::uint64_t high, std::uint64_t low, std::int64_t row)
        : std::array<std::uint64_t, 3>{high, low, static_cast<std::uint64_t>(row)} {}
  };
  std::vector<Entry> hashes_;
};

// The conversations of a row that make a pair.
std::vector<const Conversation*> conversations_of(const PreferenceRow& row) {
  const bool makes_none = !row.answers.empty() && row.pairs.empty();
  return makes_none ? std::vector<const Conversation*>() : answers_of(row);
}

class Selector {
 public:
  Selector(const Mixture& mixture, bool skip_bad)
      : mixture_(mixture), skip_bad_(skip_bad), taken_(static_cast<std::size_t>(mixture.num_rows()), true) {
    out_.sets.resize(mixture.sets().size());
  }

  RowSelection run() {
    for (const Mixture::Set& set : mixture_.sets()) in_set(mixture_, set, [&] { choose_in(set); });
    if (mixture_.recipe().deduplicate || !mixture_.evaluation_sets().empty()) inspect_rows();
    for (std::size_t row = 0; row < taken_.size(); ++row) {
      if (!taken_[row]) continue;
      out_.rows.push_back(static_cast<std::int64_t>(row));
      ++out_.sets[mixture_.set_of(out_.rows.back())].taken;
    }
    return std::move(out_);
  }

 private:
  void leave_out(std::int64_t row, LeftOut reason) {
    taken_[static_cast<std::size_t>(row)] = false;
    ++out_.sets[mixture_.set_of(row)].left_out[static_cast<std::size_t>(reason)];
  }

  void choose_in(const Mixture::Set& set) {
    if (set.recipe.where) filter(set, *set.recipe.where);
    if (set.recipe.max_rows) limit(set, static_cast<std::size_t>(*set.recipe.max_rows));
  }

  void filter(const Mixture::Set& set, const RowFilter& where) {
    const std::set<std::string> values(where.values.begin(), where.values.end());
    const RejectRow warn = [](std::int64_t row, const std::string& column, const std::string& reason) {
      log::warn("row {}: {}: {}; `where` does not accept it", row, column, reason);
    };
    std::set<std::string> seen;
    set.dataset.for_each_text(
        where.column,
        [&](std::int64_t row, std::string&& text) {
          if (values.contains(text))
            seen.insert(text);
          else
            leave_out(set.first_row + row, LeftOut::where);
        },
        skip_bad_ ? warn : RejectRow());
    if (seen.empty())
      fail_data("{}: no row has one of these values in the column \"{}\": {}; check `where` of the recipe",
                set.recipe.source.path, where.column, fmt::join(where.values, ", "));
    std::vector<std::string> absent;
    std::set_difference(values.begin(), values.end(), seen.begin(), seen.end(), std::back_inserter(absent));
    if (!absent.empty())
      log::warn("the set \"{}\": no row has this value of `where` in the column \"{}\": {}", set.recipe.name,
                where.column, fmt::join(absent, ", "));
  }

  void limit(const Mixture::Set& set, std::size_t most) {
    std::vector<std::int64_t> rows;
    for (std::int64_t row = set.first_row; row < set.first_row + set.rows; ++row)
      if (taken_[static_cast<std::size_t>(row)]) rows.push_back(row);
    std::vector<std::int64_t> order(rows.size());
    std::iota(order.begin(), order.end(), 0);
    if (set.recipe.seed) order = pcg64_permutation(*set.recipe.seed, std::ssize(rows));
    for (std::size_t i = most; i < order.size(); ++i)
      leave_out(rows[static_cast<std::size_t>(order[i])], LeftOut::max_rows);
  }

  void inspect_rows() {
    if (!mixture_.evaluation_sets().empty()) add_evaluation_prompts();
    if (mixture_.recipe().deduplicate)
      hashes_.reserve(static_cast<std::size_t>(std::count(taken_.begin(), taken_.end(), true)));
    if (mixture_.is_ratings())
      inspect_ratings();
    else
      mixture_.for_each_preference(
          taken_, [&](PreferenceRow&& row) { inspect(row.row_id, conversations_of(row)); },
          leave_to_reader());
    for (const std::int64_t row : hashes_.duplicates()) leave_out(row, LeftOut::duplicate);
  }

  void add_evaluation_prompts() {
    overlap_.emplace(mixture_.recipe().ngram);
    for (std::size_t i = 0; i < mixture_.evaluation_sets().size(); ++i)
      in_evaluation_set([&] {
        add_prompts_of(mixture_.evaluation_sets()[i], mixture_.recipe().exclude_prompts_of[i].columns);
      });
    overlap_->finish();
    log::info("{} distinct texts of the prompts of evaluation sets", overlap_->prompts());
  }

  void add_prompt(const Conversation& conversation) {
    for (const std::string& text : prompt_texts(conversation)) overlap_->add(text);
  }

  using Renames = std::map<std::string, std::string>;

  void add_prompts_of(const Dataset& set, const Renames& renames) {
    const bool has_pairs = set.pair_form() != nullptr;
    if (!has_pairs && set.rating_form({}) != nullptr)
      set.for_each_labelled({}, {}, [&](LabelledRow&& row) { add_prompt(row.messages); });
    else if (!has_pairs && is_of_prompts(set, renames))
      set.for_each_text("prompt", [&](std::int64_t, std::string&& text) { add_prompt({{"user", text}}); });
    else
      set.for_each_preference({}, [&](PreferenceRow&& row) {
        for (const Conversation* conversation : all_of(row)) add_prompt(*conversation);
      });
  }

  // Whether the rows have prompts and no answers.
  static bool is_of_prompts(const Dataset& set, const Renames& renames) {
    const std::vector<std::string> columns = set.column_names();
    const auto has = [&](const std::string& name) {
      const auto renamed = renames.find(name);
      return std::ranges::find(columns, renamed == renames.end() ? name : renamed->second) != columns.end();
    };
    return has("prompt") && !has("chosen") && !has("rejected");
  }

  // Also of rows that no pair is made of.
  static std::vector<const Conversation*> all_of(const PreferenceRow& row) {
    if (row.answers.empty()) return conversations_of(row);
    std::vector<const Conversation*> all;
    for (const Conversation& answer : row.answers) all.push_back(&answer);
    return all;
  }

  // The answers of a row come one after the other.
  void inspect_ratings() {
    std::int64_t current = -1;
    std::vector<Conversation> answers;
    const auto finish = [&] {
      std::vector<const Conversation*> all;
      for (const Conversation& answer : answers) all.push_back(&answer);
      inspect(current, all);
      answers.clear();
    };
    mixture_.for_each_labelled(
        taken_,
        [&](LabelledRow&& row) {
          if (row.row_id != current) finish();
          current = row.row_id;
          if (!mixture_.lacks_labels(row)) answers.push_back(std::move(row.messages));
        },
        leave_to_reader());
    finish();
  }

  void inspect(std::int64_t row, const std::vector<const Conversation*>& conversations) {
    if (conversations.empty()) return;
    if (overlap_) {
      const PromptOverlap::Match match = overlap_of(conversations);
      if (match == PromptOverlap::Match::exact) return leave_out(row, LeftOut::evaluation_prompt);
      if (match == PromptOverlap::Match::ngram) return leave_out(row, LeftOut::evaluation_ngram);
    }
    if (!mixture_.recipe().deduplicate) return;
    std::vector<std::string> digests;
    for (const Conversation* conversation : conversations) digests.push_back(digest_of(*conversation));
    hashes_.add(row, std::move(digests));
  }

  // The closest match of the row's prompts, which are mostly one.
  PromptOverlap::Match overlap_of(const std::vector<const Conversation*>& conversations) const {
    auto closest = PromptOverlap::Match::none;
    std::set<std::string> texts;
    for (const Conversation* conversation : conversations) texts.merge(prompt_texts(*conversation));
    for (const std::string& text : texts) {
      const PromptOverlap::Match match = overlap_->find(text);
      if (match == PromptOverlap::Match::exact) return match;
      if (match != PromptOverlap::Match::none) closest = match;
    }
    return closest;
  }

  const Mixture& mixture_;
  bool skip_bad_;
  std::vector<bool> taken_;  // by row id
  RowSelection out_;
  std::optional<PromptOverlap> overlap_;
  RowHashes hashes_;
};

}  // namespace

RowSelection select_rows(const Mixture& mixture, bool skip_bad) { return Selector(mixture, skip_bad).run(); }

}  // namespace armorm::data
