// Recipes of mixtures: what they say, what is refused, and the schema that describes them.
#include "data/recipe.h"

#include <nlohmann/json.hpp>
#include <set>

#include "io/publish.h"
#include "io/read_file.h"
#include "support/error_of.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::data;
using namespace armorm::test;
using Catch::Matchers::Contains;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

struct File {
  explicit File(const std::string& text, const std::string& name = "mix.json") : path(dir / name) {
    io::publish_text(path, text);
  }
  TempDir dir;
  fs::path path;
};

Recipe read(const std::string& text, RowKind kind = RowKind::ratings) {
  const File file(text);
  return read_recipe(file.path, kind, "train");
}

std::string refusal(const std::string& text, RowKind kind = RowKind::ratings) {
  return error_of([&] { read(text, kind); }, ErrorKind::usage);
}

// A recipe of one set with these further keys.
std::string with_keys(const std::string& keys) {
  return R"({"sets": [{"name": "a", "path": "p")" + std::string(keys.empty() ? "" : ", ") + keys + "}]}";
}

std::set<std::string> properties_of(const json& object) {
  std::set<std::string> names;
  for (const auto& [name, value] : object.at("properties").items()) names.insert(name);
  CHECK(object.at("additionalProperties") == false);
  return names;
}

std::set<std::string> keys(RecipeObject object) {
  const auto list = keys_of(object);
  return {list.begin(), list.end()};
}

}  // namespace

TEST_CASE("a recipe says which rows of which sets are taken", "[unit]") {
  const Recipe recipe = read(R"({
    // Comments are allowed.
    "sets": [
      {"name": "one", "path": "org/one@v2", "config": "c", "split": "dev", "form": "helpsteer",
       "columns": {"prompt": "question"}, "where": {"column": "source", "equals": "s"}, "max_rows": 10,
       "seed": 3, "weight": 0.5, "attribute_prefix": "one-", "label_scale": {"add": 0.5, "divide": 5},
       "label_scales": {"one-x": {"divide": 2}}},
      {"name": "two", "path": "./two", "where": {"column": "kind", "in": ["x", "y"]},
       "attributes": {"two-a": "a"}}],
    "deduplicate": true, /* so is this */
    "exclude_prompts_of": [{"path": "org/bench", "split": "filtered", "config": "d", "form": "messages",
                            "columns": {"messages": "m"}}],
    "ngram": 8})");
  CHECK(recipe.is_mixture);
  REQUIRE(recipe.sets.size() == 2);
  const MixtureSet& one = recipe.sets[0];
  CHECK(one.name == "one");
  CHECK(one.source.path == "org/one@v2");
  CHECK(one.source.config == "c");
  CHECK(one.source.split == "dev");
  CHECK(one.source.form.ratings == RatingForm::helpsteer);
  CHECK(one.source.columns.at("prompt") == "question");
  CHECK(one.where->column == "source");
  CHECK(one.where->values == std::vector<std::string>{"s"});
  CHECK(one.max_rows == 10);
  CHECK(one.seed == 3U);
  CHECK(one.weight == 0.5);
  CHECK(one.attribute_prefix == "one-");
  CHECK(one.label_scale.add == 0.5);
  CHECK(one.label_scale.divide == 5);
  CHECK(one.label_scales.at("one-x").add == 0);
  CHECK(one.label_scales.at("one-x").divide == 2);
  const MixtureSet& two = recipe.sets[1];
  CHECK(two.source.split == "train");
  CHECK(two.where->values == std::vector<std::string>{"x", "y"});
  CHECK(two.attributes.at("two-a") == "a");
  CHECK_FALSE(two.max_rows);
  CHECK_FALSE(two.weight);
  CHECK(recipe.deduplicate);
  REQUIRE(recipe.exclude_prompts_of.size() == 1);
  CHECK(recipe.exclude_prompts_of[0].split == "filtered");
  CHECK(recipe.exclude_prompts_of[0].config == "d");
  CHECK(recipe.exclude_prompts_of[0].form.ratings == RatingForm::messages);
  CHECK(recipe.exclude_prompts_of[0].columns.at("messages") == "m");
  CHECK(recipe.ngram == 8);
}

TEST_CASE("a recipe of pairs chooses labels and pairs", "[unit]") {
  const Recipe recipe = read(
      with_keys(R"("form": "nectar", "preference_label": "rank", "ranked_pairs": "best")"), RowKind::pairs);
  CHECK(recipe.sets[0].source.form.pairs == PairForm::nectar);
  CHECK(recipe.sets[0].source.form.preference_label == "rank");
  CHECK(recipe.sets[0].source.form.ranked_pairs == RankedPairs::best);
  CHECK_FALSE(recipe.deduplicate);
  CHECK(recipe.exclude_prompts_of.empty());
}

TEST_CASE("unknown and missing keys of a recipe are usage errors that name file and key", "[unit]") {
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases{
      {R"({"sets": [{"name": "a", "path": "p"}], "dedup": true})",
       {"mix.json: unknown key 'dedup'", "ngram"}},
      {with_keys(R"("max_row": 3)"), {"mix.json: sets[0]: unknown key 'max_row'", "max_rows"}},
      {with_keys(R"("where": {"column": "c", "equal": "x"})"), {"sets[0].where: unknown key 'equal'"}},
      {with_keys(R"("label_scale": {"times": 2})"), {"sets[0].label_scale: unknown key 'times'"}},
      {with_keys(R"("label_scales": {"x": {"div": 2}})"), {"sets[0].label_scales.x: unknown key 'div'"}},
      {R"({"sets": [{"name": "a", "path": "p"}], "exclude_prompts_of": [{"path": "q", "name": "x"}]})",
       {"exclude_prompts_of[0]: unknown key 'name'"}},
      {R"({"sets": [{"path": "p"}]})", {"sets[0]: lacks the key 'name'"}},
      {R"({"sets": [{"name": "a"}]})", {"sets[0]: lacks the key 'path'"}},
      {R"({"sets": [{"name": "a", "path": "p"}], "exclude_prompts_of": [{}]})",
       {"exclude_prompts_of[0]: lacks the key 'path'"}},
      {with_keys(R"("where": {"equals": "x"})"), {"sets[0].where: lacks the key 'column'"}},
      {with_keys(R"("where": {"column": "c"})"), {"sets[0].where needs one of 'equals' and 'in'"}},
      {with_keys(R"("where": {"column": "c", "equals": "x", "in": ["y"]})"), {"needs one of"}},
      {with_keys(R"("seed": 3)"), {"sets[0].seed", "max_rows"}},
      {R"({"sets": [{"name": "a", "path": "p"}], "ngram": 8})", {"mix.json: ngram", "exclude_prompts_of"}},
      {R"({"sets": [{"name": "a", "path": "p", "name": "b"}]})", {"the key 'name' appears twice"}},
      {R"({"sets": [{"name": "a", "path": "p"}, {"name": "a", "path": "q"}]})",
       {"two sets have the name 'a'"}},
      {R"({"sets": [{"name": "a:b", "path": "p"}]})", {"sets[0].name is 'a:b'", "colon"}},
      {with_keys(R"("attribute_prefix": "x-", "attributes": {"x-a": "a"})"), {"keep one"}},
  };
  for (const auto& [text, parts] : cases) {
    INFO(text);
    const std::string message = refusal(text);
    for (const std::string& part : parts) CHECK_THAT(message, Contains(part));
    CHECK_THAT(message, Contains("mix.json"));
  }
}

TEST_CASE("every value of a recipe has its type and range", "[unit]") {
  // key -> values that it cannot have
  const std::vector<std::pair<std::string, std::vector<std::string>>> of_set{
      {"name", {"1", "\"\"", "null"}},
      {"path", {"[]", "\"\""}},
      {"config", {"1"}},
      {"split", {"true"}},
      {"form", {"3", "\"nothing\"", "\"nectar\""}},
      {"columns", {"\"a=b\"", "{\"a\": 1}", "{\"a\": \"\"}"}},
      {"where", {"\"x\"", "[]"}},
      {"max_rows", {"0", "-1", "1.5", "\"3\"", "1e30"}},
      {"weight", {"\"1\"", "-0.5"}},
      {"attribute_prefix", {"1"}},
      {"attributes", {"[]", "{\"a\": null}"}},
      {"label_scale", {"5", "{\"divide\": 0}", "{\"add\": \"1\"}"}},
      {"label_scales", {"[]", "{\"a\": 2}"}},
  };
  for (const auto& [key, values] : of_set)
    for (const std::string& value : values) {
      json set{{"name", "a"}, {"path", "p"}};
      set[key] = json::parse(value);
      INFO(set);
      CHECK_THAT(refusal(json{{"sets", {set}}}.dump()), Contains("mix.json: sets[0]." + key));
    }
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, std::string>>{{"deduplicate", "1"},
                                                        {"exclude_prompts_of", "[]"},
                                                        {"exclude_prompts_of", "{}"},
                                                        {"sets", "[]"}}) {
    json recipe{{"sets", {{{"name", "a"}, {"path", "p"}}}}};
    recipe[key] = json::parse(value);
    INFO(recipe);
    CHECK_THAT(refusal(recipe.dump()), Contains("mix.json: " + key));
  }
  CHECK_THAT(
      refusal(R"({"sets": [{"name": "a", "path": "p"}], "exclude_prompts_of": [{"path": "q"}], "ngram": 0})"),
      Contains("mix.json: ngram must be a whole number of at least 1, found 0"));
  CHECK_THAT(refusal(R"({"sets": ["a"]})"), Contains("sets[0] must be an object, found \"a\""));
  CHECK_THAT(refusal(with_keys(R"("where": {"column": "c", "in": []})")), Contains("sets[0].where.in"));
  CHECK_THAT(refusal(with_keys(R"("where": {"column": "c", "in": [1]})")), Contains("sets[0].where.in"));
}

TEST_CASE("keys of ratings and keys of pairs are not mixed", "[unit]") {
  for (const char* keys : {R"("weight": 2)", R"("attribute_prefix": "x-")", R"("attributes": {"a": "b"})",
                           R"("label_scale": {})", R"("label_scales": {})"}) {
    read(with_keys(keys));
    CHECK_THAT(refusal(with_keys(keys), RowKind::pairs),
               Contains("unweighted pairs") && Contains("max_rows"));
  }
  for (const char* keys : {R"("preference_label": "x")", R"("ranked_pairs": "all")"}) {
    read(with_keys(keys), RowKind::pairs);
    CHECK_THAT(refusal(with_keys(keys)), Contains("chooses pairs"));
  }
  CHECK_THAT(refusal(with_keys(R"("form": "helpsteer")"), RowKind::pairs), Contains("sets[0].form"));
}

TEST_CASE("a JSON file is a recipe by its content, and else a data set", "[unit]") {
  const auto is = [](const std::string& text, const std::string& name = "mix.json") {
    return is_recipe(File(text, name).path);
  };
  CHECK(is(R"({"sets": []})"));
  CHECK(is("// first\n{\"ngram\": 3, \"sets\": []}"));
  CHECK_FALSE(is(R"({"sets": []})", "mix.jsonl"));
  CHECK_FALSE(is(R"([{"sets": []}])"));
  CHECK_FALSE(is(R"({"messages": [{"sets": 1}]})"));
  CHECK_FALSE(is("{\"sets\": 1}\n{\"sets\": 2}\n"));  // JSON Lines
  CHECK_FALSE(is("{\"messages\": [\n"));
  CHECK_FALSE(is(""));
  CHECK_FALSE(is_recipe("/nowhere/mix.json"));
  CHECK_FALSE(is_recipe("org/name"));
  CHECK_THAT(error_of([&] { is("{\"sets\": [}"); }, ErrorKind::usage),
             Contains("mix.json: is a recipe, by its key 'sets', but not valid JSON"));
  CHECK_THAT(refusal("[]"), Contains("is not a recipe"));
}

TEST_CASE("the name of a recipe is its stem", "[unit]") {
  const File recipe(R"({"sets": []})");
  CHECK(dataset_name(recipe.path.string()) == "mix");
  const File rows(R"([{"messages": []}])", "rows.json");
  CHECK(dataset_name(rows.path.string()) == "rows.json");
  CHECK(dataset_name("org/name@v1") == "name");
}

TEST_CASE("the digest of a recipe is that of what it decides", "[unit]") {
  const std::string digest = digest_of(read(with_keys("")));
  CHECK(digest == digest_of(read("// A comment\n{\"sets\": [{\"path\": \"elsewhere\", \"name\": \"a\"}]}")));
  CHECK(digest == digest_of(read(with_keys(R"("split": "train", "form": "auto")"))));
  std::set<std::string> digests{digest};
  const std::vector<std::string> other{
      R"("split": "test")",
      R"("config": "c")",
      R"("form": "helpsteer")",
      R"("columns": {"a": "b"})",
      R"("where": {"column": "c", "equals": "x"})",
      R"("where": {"column": "c", "equals": "y"})",
      R"("max_rows": 1)",
      R"("max_rows": 1, "seed": 0)",
      R"("weight": 1)",
      R"("attribute_prefix": "a-")",
      R"("attributes": {"a": "b"})",
      R"("label_scale": {"add": 1})",
      R"("label_scales": {"a": {"add": 1}})",
  };
  for (const std::string& keys : other) CHECK(digests.insert(digest_of(read(with_keys(keys)))).second);
  const std::string set = R"({"sets": [{"name": "a", "path": "p"}])";
  for (const char* end : {R"(, "deduplicate": true})", R"(, "exclude_prompts_of": [{"path": "q"}]})",
                          R"(, "exclude_prompts_of": [{"path": "q", "split": "test"}]})",
                          R"(, "exclude_prompts_of": [{"path": "q"}], "ngram": 5})"})
    CHECK(digests.insert(digest_of(read(set + end))).second);
}

TEST_CASE("several paths are separated by commas, and a path with a comma is one if it exists", "[unit]") {
  const TempDir dir;
  const std::string odd = (dir / "a,b.jsonl").string();
  io::publish_text(odd, "{}\n");
  CHECK(split_paths({"x,org/y", "z"}) == std::vector<std::string>{"x", "org/y", "z"});
  CHECK(split_paths({odd}) == std::vector<std::string>{odd});
  CHECK(split_paths({odd, "x,y"}) == std::vector<std::string>{odd, "x", "y"});
  CHECK_THAT(error_of([] { split_paths({"x,,y"}); }, ErrorKind::usage), Contains("empty path"));
}

TEST_CASE("the schema of recipes has the keys that the reader accepts, and no others", "[unit]") {
  const json schema = json::parse(io::read_text_file(source_dir() / "configs/data/schema.json"));
  CHECK(properties_of(schema) == keys(RecipeObject::recipe));
  const json& objects = schema.at("$defs");
  CHECK(properties_of(objects.at("set")) == keys(RecipeObject::set));
  CHECK(properties_of(objects.at("where")) == keys(RecipeObject::where));
  CHECK(properties_of(objects.at("label_scale")) == keys(RecipeObject::label_scale));
  CHECK(properties_of(objects.at("evaluation_set")) == keys(RecipeObject::evaluation_set));
  CHECK(objects.size() == 4);
  CHECK(schema.at("required") == json{"sets"});
  CHECK(objects.at("set").at("required") == json{"name", "path"});
}
