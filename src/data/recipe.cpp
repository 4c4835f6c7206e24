#include "data/recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/hash.h"
#include "core/strings.h"
#include "core/words.h"
#include "hub/cache.h"
#include "io/read_file.h"

namespace armorm::data {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr std::uintmax_t kMaxRecipeBytes = 1 << 20;

constexpr std::array<std::string_view, 4> kRecipeKeys{"sets", "deduplicate", "exclude_prompts_of", "ngram"};
constexpr std::array<std::string_view, 16> kSetKeys{
    "name",         "path",         "config",   "split", "form",   "columns",          "preference_label",
    "ranked_pairs", "where",        "max_rows", "seed",  "weight", "attribute_prefix", "attributes",
    "label_scale",  "label_scales",
};
constexpr std::array<std::string_view, 5> kEvaluationKeys{"path", "config", "split", "form", "columns"};
constexpr std::array<std::string_view, 3> kWhereKeys{"column", "equals", "in"};
constexpr std::array<std::string_view, 2> kScaleKeys{"add", "divide"};

// Keys of a set that say something of one kind of rows only.
constexpr std::array<std::string_view, 2> kPairKeys{"preference_label", "ranked_pairs"};
constexpr std::array<std::string_view, 5> kRatingKeys{"weight", "attribute_prefix", "attributes",
                                                      "label_scale", "label_scales"};

template <class Keys>
bool has(const Keys& keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

std::string found_text(const json& value) { return value.is_structured() ? value.type_name() : value.dump(); }

// The members of one object of a recipe; every error names file and key.
class Members {
 public:
  Members(const json& object, std::string place, RecipeObject kind)
      : object_(object), place_(std::move(place)), separator_(kind == RecipeObject::recipe ? ": " : ".") {
    if (!object.is_object()) fail_usage("{} must be an object, found {}", place_, found_text(object));
    const auto known = keys_of(kind);
    for (const auto& [key, value] : object.items())
      if (!has(known, key))
        fail_usage("{}: unknown key '{}'; the keys are {}", place_, shown(key), fmt::join(known, ", "));
  }

  const json* find(const std::string& key) const {
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }
  const json& at(const std::string& key) const {
    if (const json* value = find(key)) return *value;
    fail_usage("{}: lacks the key '{}'", place_, key);
  }
  std::string place(const std::string& key) const { return place_ + separator_ + key; }

  std::string text(const std::string& key, const std::string& otherwise) const {
    const json* value = find(key);
    return value == nullptr ? otherwise : text_in(*value, place(key));
  }
  std::string filled_text(const std::string& key) const {
    std::string value = text_in(at(key), place(key));
    if (value.empty()) fail_usage("{} is empty", place(key));
    return value;
  }
  std::int64_t count(const std::string& key, std::int64_t least, std::int64_t otherwise) const {
    const json* value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_number_integer() || value->get<double>() < static_cast<double>(least) ||
        value->get<double>() > 9e15)
      fail_usage("{} must be a whole number of at least {}, found {}", place(key), least, found_text(*value));
    return value->get<std::int64_t>();
  }
  double number(const std::string& key, double otherwise) const {
    const json* value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_number()) fail_usage("{} must be a number, found {}", place(key), found_text(*value));
    return value->get<double>();
  }
  bool flag(const std::string& key) const {
    const json* value = find(key);
    if (value == nullptr) return false;
    if (!value->is_boolean())
      fail_usage("{} must be true or false, found {}", place(key), found_text(*value));
    return value->get<bool>();
  }
  std::vector<std::string> texts(const std::string& key) const {
    std::vector<std::string> values;
    for (const json& item : list(key)) values.push_back(text_in(item, place(key)));
    return values;
  }
  std::map<std::string, std::string> renames(const std::string& key) const {
    std::map<std::string, std::string> values;
    if (find(key) == nullptr) return values;
    for (const auto& [name, value] : object(key).items()) {
      const std::string theirs = text_in(value, place(key) + "." + name);
      if (name.empty() || theirs.empty()) fail_usage("{} has an empty name", place(key));
      values[name] = theirs;
    }
    return values;
  }
  const json& object(const std::string& key) const {
    const json& value = at(key);
    if (!value.is_object()) fail_usage("{} must be an object, found {}", place(key), found_text(value));
    return value;
  }
  // Not empty.
  const json& list(const std::string& key) const {
    const json& value = at(key);
    if (!value.is_array() || value.empty())
      fail_usage("{} must be a list of at least one item, found {}", place(key),
                 value.is_array() ? "none" : found_text(value));
    return value;
  }

 private:
  static std::string text_in(const json& value, const std::string& place) {
    if (!value.is_string()) fail_usage("{} must be a string, found {}", place, found_text(value));
    return value.get<std::string>();
  }

  const json& object_;
  std::string place_;
  const char* separator_;
};

RowFilter read_where(const Members& set) {
  const Members where(set.object("where"), set.place("where"), RecipeObject::where);
  RowFilter filter{where.filled_text("column"), {}};
  if ((where.find("equals") != nullptr) == (where.find("in") != nullptr))
    fail_usage("{} needs one of 'equals' and 'in'", set.place("where"));
  if (where.find("in") != nullptr)
    filter.values = where.texts("in");
  else
    filter.values = {where.text("equals", "")};
  return filter;
}

LabelScale read_scale(const json& object, const std::string& place) {
  const Members scale(object, place, RecipeObject::label_scale);
  const LabelScale read{scale.number("add", 0), scale.number("divide", 1)};
  if (read.divide == 0) fail_usage("{} must not be 0", scale.place("divide"));
  return read;
}

// The form's word is one of the kind of rows; of an evaluation set, either kind.
FormOptions read_form(const Members& members, bool pairs, bool ratings) {
  FormOptions form;
  const std::string word = members.text("form", "auto");
  const auto pair_words = words_of(PairForm{});
  if (pairs && (!ratings || has(pair_words, word)))
    form.pairs = parse_word<PairForm>(members.place("form"), word);
  else
    form.ratings = parse_word<RatingForm>(members.place("form"), word);
  return form;
}

SetSource read_source(const Members& members, const std::string& split) {
  SetSource source{members.filled_text("path"), members.text("config", ""), members.text("split", split)};
  source.columns = members.renames("columns");
  return source;
}

void refuse_other_kind(const Members& set, RowKind kind) {
  for (const std::string_view key : kPairKeys)
    if (kind == RowKind::ratings && set.find(std::string(key)) != nullptr)
      fail_usage("{} chooses pairs, which stage 1 has none of; leave it out of a recipe for stage1-prepare",
                 set.place(std::string(key)));
  for (const std::string_view key : kRatingKeys)
    if (kind == RowKind::pairs && set.find(std::string(key)) != nullptr)
      fail_usage(
          "{} is of sets with ratings; the gate trains on unweighted pairs: leave it out of a recipe "
          "for stage2-prepare, and take fewer rows of a set with max_rows",
          set.place(std::string(key)));
}

void read_labels(const Members& set, MixtureSet& out) {
  out.attribute_prefix = set.text("attribute_prefix", "");
  out.attributes = set.renames("attributes");
  if (!out.attribute_prefix.empty() && !out.attributes.empty())
    fail_usage("{}: has 'attribute_prefix' and 'attributes', which both name the set's attributes; keep one",
               set.place("attributes"));
  if (const json* scale = set.find("label_scale"))
    out.label_scale = read_scale(*scale, set.place("label_scale"));
  if (set.find("label_scales") != nullptr)
    for (const auto& [attribute, scale] : set.object("label_scales").items())
      out.label_scales[attribute] = read_scale(scale, set.place("label_scales") + "." + attribute);
  if (set.find("weight") == nullptr) return;
  out.weight = set.number("weight", 1);
  if (!(*out.weight >= 0)) fail_usage("{} must be at least 0, found {}", set.place("weight"), *out.weight);
}

MixtureSet read_set(const json& object, const std::string& place, RowKind kind, const std::string& split) {
  const Members set(object, place, RecipeObject::set);
  refuse_other_kind(set, kind);
  MixtureSet out{set.filled_text("name"), read_source(set, split)};
  if (out.name.find(':') != std::string::npos)
    fail_usage("{} is '{}'; a row is named set:row, so use a name without a colon", set.place("name"),
               shown(out.name));
  const bool pairs = kind == RowKind::pairs;
  out.source.form = read_form(set, pairs, !pairs);
  out.source.form.preference_label = set.text("preference_label", "");
  out.source.form.ranked_pairs =
      parse_word<RankedPairs>(set.place("ranked_pairs"), set.text("ranked_pairs", "all"));
  if (set.find("where") != nullptr) out.where = read_where(set);
  if (set.find("max_rows") != nullptr) out.max_rows = set.count("max_rows", 1, 0);
  if (set.find("seed") != nullptr) out.seed = static_cast<std::uint64_t>(set.count("seed", 0, 0));
  if (out.seed && !out.max_rows)
    fail_usage("{}: a seed chooses the rows of max_rows, which is not there", set.place("seed"));
  read_labels(set, out);
  return out;
}

// Parses a file that may be a recipe.
class RecipeFile {
 public:
  explicit RecipeFile(const fs::path& path) : path_(path.string()) {
    std::error_code error;
    if (path.extension() != ".json" || !fs::is_regular_file(path, error) ||
        fs::file_size(path, error) > kMaxRecipeBytes)
      return;
    text_ = io::read_text_file(path, kMaxRecipeBytes);
    parse();
  }

  bool is_recipe() const { return names_sets_ && document_.is_object(); }
  const json& document() const {
    if (!repeated_.empty())
      fail_usage("{}: the key '{}' appears twice in one object; keep one", path_, shown(repeated_));
    return document_;
  }

 private:
  bool take(int depth, json::parse_event_t event, const json& value) {
    keys_.resize(static_cast<std::size_t>(depth) + 1);
    if (event == json::parse_event_t::object_start) keys_.emplace_back();
    if (event == json::parse_event_t::object_end && depth == 0) closed_ = true;
    if (event != json::parse_event_t::key) return true;
    const auto key = value.get<std::string>();
    if (!keys_.back().insert(key).second && repeated_.empty()) repeated_ = key;
    names_sets_ = names_sets_ || (depth == 1 && key == "sets" && !closed_);
    return true;
  }

  // What follows a complete object makes the file JSON Lines, a data set.
  void parse() {
    if (text_.find('\0') != std::string::npos) return;
    try {
      document_ = json::parse(
          text_, [this](int depth, auto event, const json& value) { return take(depth, event, value); }, true,
          true);
    } catch (const json::exception& error) {
      if (names_sets_ && !closed_)
        fail_usage("{}: is a recipe, by its key 'sets', but not valid JSON: {}; correct it", path_,
                   error.what());
    }
  }

  std::string path_;
  std::string text_;
  std::vector<std::set<std::string>> keys_;  // of the open objects
  std::string repeated_;
  bool names_sets_ = false;
  bool closed_ = false;
  json document_;
};

void check_names(const Recipe& recipe, const std::string& file) {
  std::set<std::string> names;
  for (const MixtureSet& set : recipe.sets)
    if (!names.insert(set.name).second)
      fail_usage("{}: two sets have the name '{}'; a row is named by its set, so give each its own", file,
                 shown(set.name));
}

json scale_json(const LabelScale& scale) { return {scale.add, scale.divide}; }

json source_json(const SetSource& source) {
  return {source.config,
          source.split,
          source.columns,
          name_of(source.form.pairs),
          name_of(source.form.ratings),
          source.form.preference_label,
          name_of(source.form.ranked_pairs)};
}

json set_json(const MixtureSet& set) {
  json scales = json::object();
  for (const auto& [attribute, scale] : set.label_scales) scales[attribute] = scale_json(scale);
  return {{"name", set.name},
          {"source", source_json(set.source)},
          {"where", set.where ? json{set.where->column, set.where->values} : json()},
          {"max_rows", set.max_rows ? json(*set.max_rows) : json()},
          {"seed", set.seed ? json(*set.seed) : json()},
          {"weight", set.weight ? json(*set.weight) : json()},
          {"attribute_prefix", set.attribute_prefix},
          {"attributes", set.attributes},
          {"label_scale", scale_json(set.label_scale)},
          {"label_scales", scales}};
}

}  // namespace

std::span<const std::string_view> keys_of(RecipeObject object) {
  switch (object) {
    case RecipeObject::recipe:
      return kRecipeKeys;
    case RecipeObject::set:
      return kSetKeys;
    case RecipeObject::evaluation_set:
      return kEvaluationKeys;
    case RecipeObject::where:
      return kWhereKeys;
    case RecipeObject::label_scale:
      return kScaleKeys;
  }
  fail_internal("no such object of a recipe");
}

bool is_recipe(const fs::path& path) { return RecipeFile(path).is_recipe(); }

Recipe read_recipe(const fs::path& path, RowKind kind, const std::string& split) {
  const RecipeFile file(path);
  if (!file.is_recipe())
    fail_usage("{}: is not a recipe; expected an object with the key 'sets'", path.string());
  const Members members(file.document(), path.string(), RecipeObject::recipe);
  Recipe recipe;
  recipe.is_mixture = true;
  for (std::size_t i = 0; const json& set : members.list("sets"))
    recipe.sets.push_back(read_set(set, fmt::format("{}: sets[{}]", path.string(), i++), kind, split));
  check_names(recipe, path.string());
  recipe.deduplicate = members.flag("deduplicate");
  if (members.find("exclude_prompts_of") != nullptr)
    for (std::size_t i = 0; const json& set : members.list("exclude_prompts_of")) {
      const Members source(set, fmt::format("{}: exclude_prompts_of[{}]", path.string(), i++),
                           RecipeObject::evaluation_set);
      recipe.exclude_prompts_of.push_back(read_source(source, "train"));
      recipe.exclude_prompts_of.back().form = read_form(source, true, true);
    }
  if (recipe.exclude_prompts_of.empty() && members.find("ngram") != nullptr)
    fail_usage("{} is the overlap with exclude_prompts_of, which is not there", members.place("ngram"));
  recipe.ngram = members.count("ngram", 1, recipe.ngram);
  return recipe;
}

std::string digest_of(const Recipe& recipe) {
  json document{{"deduplicate", recipe.deduplicate}, {"ngram", recipe.ngram}};
  for (const MixtureSet& set : recipe.sets) document["sets"].push_back(set_json(set));
  for (const SetSource& source : recipe.exclude_prompts_of)
    document["exclude_prompts_of"].push_back(source_json(source));
  return sha256_hex(document.dump());
}

std::string dataset_name(const std::string& path_or_id) {
  return is_recipe(path_or_id) ? fs::path(path_or_id).stem().string() : hub::artifact_name(path_or_id);
}

std::vector<std::string> split_paths(const std::vector<std::string>& given) {
  std::vector<std::string> paths;
  for (const std::string& text : given) {
    std::error_code error;
    if (text.find(',') == std::string::npos || fs::exists(text, error)) {
      paths.push_back(text);
      continue;
    }
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      paths.push_back(text.substr(begin, end - begin));
      if (paths.back().empty()) fail_usage("\"{}\": names an empty path between commas", shown(text));
      begin = end + 1;
    }
  }
  return paths;
}

}  // namespace armorm::data
