// The recipes in configs/data: each is read, covers what it says, and fits rows of its sets' schemas.
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "armorm/attributes.h"
#include "data/form.h"
#include "data/recipe.h"
#include "data/rows.h"

using namespace armorm;
using namespace armorm::data;
using namespace armorm::test;
namespace fs = std::filesystem;

namespace {

fs::path recipe_path(const std::string& name) { return source_dir() / "configs/data" / (name + ".json"); }

Recipe multi_objective() { return read_recipe(recipe_path("multi_objective"), RowKind::ratings, "none"); }
Recipe preference_paper() { return read_recipe(recipe_path("preference_paper"), RowKind::pairs, "none"); }

// Rows with the schema of each set, as its card has it (scripts/goldens/make_form_goldens.py).
fs::path rows_like(const std::string& folder) { return golden("data/forms/" + folder + "/rows.parquet"); }

Dataset open_as(const SetSource& source, const fs::path& path) {
  return Dataset::open(
      {.path = path, .split = "train", .config = "", .columns = source.columns, .form = source.form});
}

std::set<std::string> names_of(const Recipe& recipe) {
  std::set<std::string> names;
  for (const MixtureSet& set : recipe.sets) {
    names.insert(set.name);
    CHECK(set.source.split != "none");
    CHECK(set.source.path.find('/') != std::string::npos);
  }
  return names;
}

}  // namespace

TEST_CASE("all recipes in configs/data are tested here", "[unit]") {
  std::set<std::string> files;
  for (const auto& entry : fs::directory_iterator(source_dir() / "configs/data"))
    files.insert(entry.path().filename().string());
  CHECK(files == std::set<std::string>{"multi_objective.json", "preference_paper.json", "schema.json"});
}

TEST_CASE("the recipe of ratings has the eight sources, which rate all default attributes", "[unit]") {
  const Recipe recipe = multi_objective();
  CHECK(names_of(recipe) == std::set<std::string>{"helpsteer", "ultrafeedback", "beavertails",
                                                  "code-ultrafeedback", "prometheus", "argilla-capybara",
                                                  "argilla-math", "argilla-openorca"});
  std::set<std::string> rated;
  for (const MixtureSet& set : recipe.sets) {
    REQUIRE(set.source.form.ratings != RatingForm::auto_);
    for (const Rating& rating : form_of(set.source.form.ratings).ratings) rated.emplace(rating.attribute);
  }
  CHECK(rated == std::set<std::string>(default_attributes().begin(), default_attributes().end()));
}

TEST_CASE("each set of the recipe of ratings labels rows of its schema within 0 and 1", "[unit]") {
  for (const MixtureSet& set : multi_objective().sets) {
    CAPTURE(set.name);
    const std::string form(form_of(set.source.form.ratings).name);
    const std::string folder = "ratings/" + form;
    std::size_t labels = 0;
    for (const LabelledRow& row : labelled_rows(open_as(set.source, rows_like(folder)), default_attributes()))
      for (const float label : row.labels) {
        if (std::isnan(label)) continue;
        ++labels;
        CHECK((label >= 0 && label <= 1));
      }
    CHECK(labels > 0);
  }
}

TEST_CASE("the recipe of pairs has the paper's ten sets", "[unit]") {
  const Recipe recipe = preference_paper();
  CHECK(names_of(recipe) == std::set<std::string>{"helpsteer", "ultrafeedback", "shp", "hh-rlhf",
                                                  "pku-saferlhf-30k", "argilla-capybara", "argilla-math",
                                                  "code-ultrafeedback", "prm-phase-2", "prometheus2"});
  CHECK(recipe.deduplicate);
  REQUIRE(recipe.exclude_prompts_of.size() == 1);
  CHECK(recipe.exclude_prompts_of[0].path == "allenai/reward-bench");
  CHECK(recipe.exclude_prompts_of[0].split == "filtered");
  CHECK(recipe.ngram == 13);
}

TEST_CASE("each set of the recipe of pairs has pairs in rows of its schema", "[unit]") {
  const std::map<std::string, std::string> schemas{{"hh-rlhf", "pairs/hh_rlhf"},
                                                   {"argilla-capybara", "ratings/argilla_capybara"},
                                                   {"argilla-math", "ratings/argilla_math"},
                                                   {"code-ultrafeedback", "pairs/code_ultrafeedback"},
                                                   {"prometheus2", "pairs/prometheus2"}};
  for (const MixtureSet& set : preference_paper().sets) {
    CAPTURE(set.name);
    const auto schema = schemas.find(set.name);
    const bool is_standard = schema == schemas.end();
    CHECK(set.source.path.starts_with("RLHFlow/") == is_standard);
    const fs::path path = is_standard ? golden("data/sets/preference_standard") : rows_like(schema->second);
    std::size_t pairs = 0;
    for (const PreferenceRow& row : preference_rows(open_as(set.source, path)))
      pairs += row.answers.empty() ? 1 : row.pairs.size();
    CHECK(pairs > 0);
  }
}

TEST_CASE("the mathematical pairs have the chosen and the rejected response of their row", "[unit]") {
  const auto sets = preference_paper().sets;
  const auto math =
      std::find_if(sets.begin(), sets.end(), [](const auto& set) { return set.name == "argilla-math"; });
  REQUIRE(math != sets.end());
  const auto rows = preference_rows(open_as(math->source, rows_like("ratings/argilla_math")));
  REQUIRE(rows.size() == 2);
  CHECK(rows[1].chosen == Conversation{{"user", "1 + 1?"}, {"assistant", "2"}});
  CHECK(rows[1].rejected == Conversation{{"user", "1 + 1?"}, {"assistant", "0"}});
}
