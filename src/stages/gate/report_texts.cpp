#include "stages/gate/report_texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/words.h"
#include "data/form.h"
#include "stages/artifacts/prompt_ids.h"
#include "stages/explain/scored_pair.h"
#include "stages/gate/gate_explanation.h"
#include "stages/prepare/prompt_id.h"

namespace armorm::stages::gate {
namespace {

constexpr const char* kRemedy =
    "name the data set that stage2-prepare read with --report_texts_dataset, or leave out --report_texts";

const std::string& dataset_of(const Stage2TrainOptions& options) {
  return options.report_texts_dataset.empty() ? options.preference_dataset : options.report_texts_dataset;
}

const artifacts::Provenance& provenance_of(const artifacts::EmbeddingSet& set) {
  if (!set.provenance())
    fail_data(
        "{}: does not say which rows its pairs are, which --report_texts needs; make the file with "
        "stage2-prepare, or leave out --report_texts",
        set.description());
  return *set.provenance();
}

// "nectar, rank, all" (prepare::form_text()), as options of the data set.
data::FormOptions form_options(const std::string& text) {
  data::FormOptions options;
  if (text.empty()) return options;
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(", ", at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 2;
  }
  options.pairs = parse_word<PairForm>("form", parts.front());
  const auto words = words_of(RankedPairs{});
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (std::ranges::find(words, parts[i]) != words.end())
      options.ranked_pairs = parse_word<RankedPairs>("ranked_pairs", parts[i]);
    else
      options.preference_label = parts[i];
  }
  return options;
}

prepare::DatasetInputs open_dataset(const Stage2TrainOptions& options, const artifacts::EmbeddingSet& set,
                                    const StopRequested& stop) {
  const artifacts::Provenance& origin = provenance_of(set);
  try {
    const prepare::DatasetChoice choice{.paths = dataset_of(options),
                                        .name = origin.dataset,
                                        .config = origin.dataset_config,
                                        .split = options.preference_split,
                                        .columns = options.report_texts_columns,
                                        .form = form_options(origin.form)};
    return prepare::open_pairs(prepare::plan_dataset(choice, data::RowKind::pairs), stop);
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("--report_texts: the data set of the pairs, {}, cannot be opened: "
                                          "{}; {}",
                                          dataset_of(options), error.what(), kRemedy));
  }
}

// [n, 2] of all files; empty if they have none.
std::vector<explain::RowPair> row_pairs(const artifacts::EmbeddingSet& set, const std::string& tensor) {
  std::vector<explain::RowPair> pairs;
  for (const io::SafetensorsFile& file : set.files()) {
    if (!file.contains(tensor)) return {};
    const auto numbers = file.at(tensor, DType::i64, {-1, 2}).as<std::int64_t>();
    for (std::size_t i = 0; i < numbers.size(); i += 2) pairs.push_back({numbers[i], numbers[i + 1]});
  }
  return pairs;
}

}  // namespace

std::size_t wrong_examples(std::int64_t report_texts) {
  const auto others = static_cast<std::int64_t>(2 * kExamplesPerGroup);
  return static_cast<std::size_t>(
      std::max(static_cast<std::int64_t>(kExamplesPerGroup), report_texts - others));
}

ReportTexts::ReportTexts(const Stage2TrainOptions& options, const artifacts::EmbeddingSet& set,
                         std::span<const std::int64_t> pairs, const StopRequested& stop)
    : most_(options.report_texts),
      over_attributes_(options.compat == Compat::none),
      description_(dataset_of(options)),
      dataset_(open_dataset(options, set, stop)) {
  check_origin(set);
  read_pairs(set);
  for_each(pairs, [](std::int64_t, const explain::PairSides&) {});
}

void ReportTexts::check_origin(const artifacts::EmbeddingSet& set) const {
  const artifacts::Provenance& origin = provenance_of(set);
  if (dataset_.rows.num_rows() != origin.source_rows)
    fail_data("--report_texts: {} has {} rows, but {} was made from {}; {}", description_,
              dataset_.rows.num_rows(), set.description(), origin.source_rows, kRemedy);
  if (origin.data_sha256.empty()) return;
  const std::string found = prepare::data_digest(dataset_.rows);
  if (found != origin.data_sha256)
    fail_data(
        "--report_texts: the files of {} have the digest {}, but {} was made from {} (of other files, or "
        "with "
        "--columns); {}",
        description_, found, set.description(), origin.data_sha256, kRemedy);
}

void ReportTexts::read_pairs(const artifacts::EmbeddingSet& set) {
  for (const io::SafetensorsFile& file : set.files()) {
    const auto rows = file.at("row_ids", DType::i64, {-1}).as<std::int64_t>();
    row_ids_.insert(row_ids_.end(), rows.begin(), rows.end());
  }
  prompt_ids_ = artifacts::prompt_ids(set, SplitBy::row);
  if (prompt_ids_.empty() && provenance_of(set).data_sha256.empty())
    fail_data(
        "{}: holds neither the digest of its data set nor prompt_ids, so texts cannot be compared with it; "
        "make "
        "it again with this version's stage2-prepare, or leave out --report_texts",
        set.description());
  row_pairs_ = row_pairs(set, "pair_ids");
  if (row_pairs_.empty()) row_pairs_ = row_pairs(set, "candidate_ids");
}

void ReportTexts::for_each(std::span<const std::int64_t> pairs, const Visit& visit) const {
  std::multimap<std::int64_t, std::int64_t> pairs_of_row;
  std::vector<bool> wanted(static_cast<std::size_t>(dataset_.rows.num_rows()), false);
  for (const std::int64_t pair : pairs) {
    const std::int64_t row = row_ids_.at(static_cast<std::size_t>(pair));
    if (row < 0 || row >= dataset_.rows.num_rows())
      fail_data("--report_texts: {} has no row {}, which pair {} is of; {}", description_, row, pair,
                kRemedy);
    wanted[static_cast<std::size_t>(row)] = true;
    pairs_of_row.emplace(row, pair);
  }
  dataset_.rows.for_each_preference(wanted, [&](data::PreferenceRow&& row) {
    const auto [first, end] = pairs_of_row.equal_range(row.row_id);
    for (auto found = first; found != end; ++found) {
      const auto pair = static_cast<std::size_t>(found->second);
      const explain::PairSides sides =
          explain::sides_of(row, row_pairs_.empty() ? explain::RowPair() : row_pairs_[pair]);
      check_prompt(found->second, sides);
      visit(found->second, sides);
    }
  });
}

void ReportTexts::check_prompt(std::int64_t pair, const explain::PairSides& sides) const {
  if (prompt_ids_.empty()) return;
  const auto at = static_cast<std::size_t>(pair);
  if (prepare::prompt_id(sides.chosen) != prompt_ids_[at])
    fail_data("--report_texts: {}, row {}: its prompt is not the one that was embedded; {}", description_,
              row_ids_[at], kRemedy);
}

void ReportTexts::add_to(report::GateReport& report, const std::string& set) const {
  const auto found = std::ranges::find(report.examples, set, &report::ExampleSet::set);
  if (found == report.examples.end()) return;
  std::vector<report::ExamplePair*> chosen;
  for (report::ExamplePair& pair : found->rows) chosen.push_back(&pair);
  std::stable_partition(chosen.begin(), chosen.end(),
                        [](const report::ExamplePair* pair) { return pair->why == kSurestWrong; });
  chosen.resize(std::min(chosen.size(), static_cast<std::size_t>(most_)));
  std::vector<std::int64_t> positions;
  for (const report::ExamplePair* pair : chosen) positions.push_back(pair->position);
  std::map<std::int64_t, report::PairTexts> texts;
  for_each(positions, [&](std::int64_t pair, const explain::PairSides& sides) {
    texts.emplace(pair, explain::texts_of(sides));
  });
  for (report::ExamplePair* pair : chosen) {
    pair->texts = texts.at(pair->position);
    if (!row_pairs_.empty()) {
      const explain::RowPair& answers = row_pairs_[static_cast<std::size_t>(pair->position)];
      pair->answers = {answers.chosen, answers.rejected};
    }
    if (over_attributes_) pair->flip = explain::flip_of(*pair);
  }
}

}  // namespace armorm::stages::gate
