#include "stages/prepare/dataset_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/phase.h"
#include "core/words.h"
#include "data/form_row.h"
#include "data/forms_page.h"
#include "hub/cache.h"
#include "report/text_table.h"

namespace armorm::stages::prepare {
namespace {

std::map<std::string, std::string> parse_renames(const std::vector<std::string>& columns) {
  std::map<std::string, std::string> renames;
  for (const std::string& entry : columns) {
    const std::size_t sign = entry.find('=');
    if (sign == std::string::npos || sign == 0 || sign + 1 == entry.size())
      fail_usage("--columns: '{}' is not of the form name=column; for example messages=conversation", entry);
    renames[entry.substr(0, sign)] = entry.substr(sign + 1);
  }
  return renames;
}

// A recipe says these of each of its sets.
void refuse_with_recipe(const DatasetChoice& choice, const std::string& recipe) {
  const auto refuse = [&](bool given, const char* flag, const char* key) {
    if (given)
      fail_usage("--{}: is not read with the recipe {}; name it there, as '{}' of the sets", flag, recipe,
                 key);
  };
  const data::FormOptions& form = choice.form;
  refuse(!choice.config.empty(), "dataset_config", "config");
  refuse(!choice.columns.empty(), "columns", "columns");
  refuse(form.pairs != PairForm::auto_ || form.ratings != RatingForm::auto_, "form", "form");
  refuse(!form.preference_label.empty(), "preference_label", "preference_label");
  refuse(form.ranked_pairs != RankedPairs::all, "ranked_pairs", "ranked_pairs");
}

data::MixtureSet set_of(const DatasetChoice& choice, const std::string& path) {
  data::MixtureSet set;
  set.name = hub::artifact_name(path);
  set.source = {path, choice.config, choice.split, parse_renames(choice.columns), choice.form};
  return set;
}

void check_several(const std::vector<data::MixtureSet>& sets, const std::string& given, const char* flag) {
  for (std::size_t i = 0; i < sets.size(); ++i) {
    if (data::is_recipe(sets[i].source.path))
      fail_usage("--{}: {} is a recipe, which cannot be one of several sets; add the others to it", flag,
                 sets[i].source.path);
    for (std::size_t j = 0; j < i; ++j)
      if (sets[i].name == sets[j].name)
        fail_usage("--{}: two of the sets {} have the name '{}'; give them names in a recipe", flag, given,
                   sets[i].name);
  }
}

data::Recipe recipe_of(const DatasetChoice& choice, data::RowKind kind) {
  const std::vector<std::string> paths = data::split_paths(choice.paths.paths);
  if (paths.size() == 1 && data::is_recipe(paths[0])) {
    refuse_with_recipe(choice, paths[0]);
    return data::read_recipe(paths[0], kind, choice.split);
  }
  data::Recipe recipe;
  for (const std::string& path : paths) recipe.sets.push_back(set_of(choice, path));
  recipe.is_mixture = paths.size() > 1;
  if (recipe.is_mixture) check_several(recipe.sets, fmt::format("{}", fmt::join(paths, ", ")), choice.flag);
  return recipe;
}

std::int64_t megabytes(std::uintmax_t bytes) { return static_cast<std::int64_t>(bytes / 1'000'000); }

std::int64_t megabytes_of(const std::vector<std::filesystem::path>& files) {
  std::uintmax_t bytes = 0;
  for (const std::filesystem::path& file : files) {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(file, error);
    bytes += error ? 0 : size;
  }
  return megabytes(bytes);
}

nlohmann::json left_out_json(const data::RowSelection::OfSet& set) {
  nlohmann::json counts = nlohmann::json::object();
  for (std::size_t reason = 0; reason < set.left_out.size(); ++reason)
    if (set.left_out[reason] > 0)
      counts[std::string(name_of(static_cast<data::LeftOut>(reason)))] = set.left_out[reason];
  return counts;
}

// "120 beyond max_rows, 3 duplicate"; empty for none.
std::string left_out_text(const data::RowSelection::OfSet& set) {
  std::vector<std::string> counts;
  for (std::size_t reason = 0; reason < set.left_out.size(); ++reason)
    if (set.left_out[reason] > 0)
      counts.push_back(
          fmt::format("{} {}", set.left_out[reason], name_of(static_cast<data::LeftOut>(reason))));
  return fmt::format("{}", fmt::join(counts, ", "));
}

}  // namespace

std::string dataset_name(const DatasetChoice& choice) {
  if (!choice.name.empty()) return choice.name;
  const std::vector<std::string> paths = data::split_paths(choice.paths.paths);
  if (paths.size() > 1)
    fail_usage(
        "--dataset_name: is needed for several sets without a recipe ({}); it names the files of the "
        "mixture",
        fmt::join(paths, ", "));
  return data::dataset_name(paths.at(0));
}

DatasetPlan plan_dataset(const DatasetChoice& choice, data::RowKind kind) {
  return {recipe_of(choice, kind), dataset_name(choice),
          fmt::format("{}", fmt::join(choice.paths.paths, ", "))};
}

DatasetInputs open_ratings(const DatasetPlan& plan, const data::LabelColumns& columns,
                           const StopRequested& stop) {
  return {data::Mixture::of_ratings(plan.recipe, columns, stop), plan.name, plan.description};
}

DatasetInputs open_pairs(const DatasetPlan& plan, const StopRequested& stop) {
  return {data::Mixture::of_pairs(plan.recipe, stop), plan.name, plan.description};
}

void report_forms(const DatasetInputs& inputs) {
  log::info("{}: {} rows", inputs.name, inputs.rows.num_rows());
  for (const data::Mixture::Set& set : inputs.rows.sets())
    if (set.form != nullptr)
      log::info("{}: rows of the form {}", inputs.rows.is_mixture() ? set.recipe.name : inputs.name,
                summary_of(set));
}

std::string summary_of(const data::Mixture::Set& set) {
  const data::SetSource& source = set.recipe.source;
  return data::form_summary(*set.form,
                            data::chosen_label(*set.form, source.form.preference_label, source.path));
}

std::string form_text(const data::Mixture::Set& set) {
  if (set.form == nullptr) return "";
  const data::Form& form = *set.form;
  const data::FormOptions& chosen = set.recipe.source.form;
  std::string text(form.name);
  if (form.labels.size() > 1)
    text +=
        fmt::format(", {}", chosen.preference_label.empty() ? form.labels.front() : chosen.preference_label);
  if (form.is_ranked()) text += fmt::format(", {}", name_of(chosen.ranked_pairs));
  return text;
}

data::RowSelection select_rows(const data::Mixture& mixture, const ExtractionOptions& options) {
  data::RowSelection selection = data::select_rows(mixture, options.on_bad_row == OnBadRow::skip);
  if (!mixture.is_mixture()) return selection;
  for (std::size_t i = 0; i < mixture.sets().size(); ++i) {
    const data::Mixture::Set& set = mixture.sets()[i];
    const std::string left_out = left_out_text(selection.sets[i]);
    log::info("{}: {} of {} rows are taken{}", set.recipe.name, selection.sets[i].taken, set.rows,
              left_out.empty() ? "" : "; left out: " + left_out);
  }
  return selection;
}

std::function<std::string(std::int64_t)> row_names(const data::Mixture& mixture) {
  if (!mixture.is_mixture()) return {};
  return [&mixture](std::int64_t row) { return mixture.row_name(row); };
}

void record_selection(const data::Mixture& mixture, const data::RowSelection& selection,
                      artifacts::Provenance& provenance) {
  if (!mixture.is_mixture()) return;
  nlohmann::ordered_json sets = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < mixture.sets().size(); ++i) {
    const data::Mixture::Set& set = mixture.sets()[i];
    nlohmann::ordered_json entry{
        {"name", set.recipe.name},          {"config", set.recipe.source.config},
        {"split", set.recipe.source.split}, {"form", form_text(set)},
        {"first_row", set.first_row},       {"rows", set.rows},
        {"taken", selection.sets[i].taken}, {"left_out", left_out_json(selection.sets[i])}};
    if (!set.commit.empty()) entry["commit"] = set.commit;
    sets.push_back(std::move(entry));
  }
  provenance.mixture = sets.dump();
  provenance.recipe_sha256 = data::digest_of(mixture.recipe());
}

std::string selection_table(const data::Mixture& mixture, const data::RowSelection& selection) {
  if (!mixture.is_mixture()) return "";
  report::TextTable table({"set", "form", "split", "rows", "taken", "left out"});
  table.text_column(1).text_column(5);
  for (std::size_t i = 0; i < mixture.sets().size(); ++i) {
    const data::Mixture::Set& set = mixture.sets()[i];
    table.add({set.recipe.name, form_text(set), set.recipe.source.split, std::to_string(set.rows),
               std::to_string(selection.sets[i].taken), left_out_text(selection.sets[i])});
  }
  return table.str(report::output_style());
}

std::string data_digest(const data::Mixture& mixture) {
  std::string digests;
  const std::vector<std::filesystem::path> files = mixture.files();
  Phase phase("reading the data set's files for their fingerprint", megabytes_of(files), "MB");
  std::size_t bytes = 0;
  for (const std::filesystem::path& file : files) {
    Sha256 hash;
    hash.update_with_file(file, [&](std::size_t size) { phase.advance_to(megabytes(bytes += size)); });
    digests += hash.hex() + "\n";
  }
  mixture.check_unchanged();
  if (mixture.is_mixture()) return sha256_hex(digests + data::digest_of(mixture.recipe()));
  for (const auto& [name, column] : mixture.sets().front().recipe.source.columns)
    digests += fmt::format("{}={}\n", name, column);
  return sha256_hex(digests);
}

}  // namespace armorm::stages::prepare
