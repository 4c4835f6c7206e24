// What a mixture is made of: its sets, which rows of each are taken, and how labels are scaled. Recipes are
// JSON files; docs/mixtures.md describes them, configs/data/schema.json is their JSON Schema.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"

namespace armorm::data {

enum class RowKind { ratings, pairs };

// label = (value + add) / divide
struct LabelScale {
  double add = 0;
  double divide = 1;  // not 0
};

// Rows whose text in `column` is one of `values`.
struct RowFilter {
  std::string column;
  std::vector<std::string> values;
};

// Where rows are read from.
struct SetSource {
  std::string path;  // file, folder or Hub id
  std::string config = {};
  std::string split = "train";
  std::map<std::string, std::string> columns = {};  // our column name -> the set's
  FormOptions form = {};
};

struct MixtureSet {
  std::string name;
  SetSource source;
  std::optional<RowFilter> where = {};
  std::optional<std::int64_t> max_rows = {};  // of those that `where` leaves
  std::optional<std::uint64_t> seed = {};  // max_rows takes the first of this shuffle; none: the first rows
  // Ratings only
  std::string attribute_prefix = {};
  std::map<std::string, std::string> attributes = {};  // our attribute -> its name in the set
  LabelScale label_scale = {};
  std::map<std::string, LabelScale> label_scales = {};  // by our attribute
  std::optional<double> weight = {};                    // of each row
};

struct Recipe {
  bool is_mixture = false;  // false: the one set as it is
  std::vector<MixtureSet> sets;
  bool deduplicate = false;
  std::vector<SetSource> exclude_prompts_of = {};
  std::int64_t ngram = 13;
};

// Whether the path is a recipe: it ends in .json and holds one object with the key "sets". Any other .json
// file is a data set. usage error for such an object with a syntax error.
bool is_recipe(const std::filesystem::path& path);

// usage error that names file and key: unknown and missing keys, other types, keys of another kind of rows.
// Sets without a split have `split`.
Recipe read_recipe(const std::filesystem::path& path, RowKind kind, const std::string& split);

// SHA-256 of what the recipe says but the paths: of everything that decides rows and labels, in any spelling.
// The data of the paths is known by its own digest.
std::string digest_of(const Recipe& recipe);

// <dataset> of file names: the stem of a recipe, else hub::artifact_name().
std::string dataset_name(const std::string& path_or_id);

// The paths that were given, each of which may be several separated by commas, unless it exists.
std::vector<std::string> split_paths(const std::vector<std::string>& given);

// The objects of a recipe and their keys, as the schema has them.
enum class RecipeObject { recipe, set, evaluation_set, where, label_scale };
std::span<const std::string_view> keys_of(RecipeObject object);

}  // namespace armorm::data
