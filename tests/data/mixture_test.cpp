// Mixtures of data sets: order, ids, labels, and which rows are left out.
#include "data/mixture.h"

#include <fmt/core.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/words.h"
#include "data/row_selection.h"
#include "io/publish.h"
#include "support/error_of.h"
#include "support/log_capture.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::data;
using namespace armorm::test;
using Catch::Matchers::Contains;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
using Ids = std::vector<std::int64_t>;

json turns(const std::string& prompt, const std::string& answer) {
  return {{{"role", "user"}, {"content", prompt}}, {{"role", "assistant"}, {"content", answer}}};
}

// A folder of sets, each one file of JSON Lines.
struct Sets {
  MixtureSet add(const std::string& name, const std::vector<json>& rows) const {
    std::string text;
    for (const json& row : rows) text += row.dump() + "\n";
    return add_text(name, text);
  }
  MixtureSet add_text(const std::string& name, const std::string& text) const {
    io::publish_text(dir / (name + ".jsonl"), text);
    MixtureSet set;
    set.name = name;
    set.source.path = (dir / (name + ".jsonl")).string();
    return set;
  }
  TempDir dir;
};

Recipe mixture_of(std::vector<MixtureSet> sets) {
  Recipe recipe;
  recipe.is_mixture = true;
  recipe.sets = std::move(sets);
  return recipe;
}

Mixture ratings(const Recipe& recipe, const std::vector<std::string>& attributes,
                const std::string& weight_column = "") {
  return Mixture::of_ratings(recipe, {attributes, weight_column}, {});
}

Mixture pairs(const Recipe& recipe) { return Mixture::of_pairs(recipe, {}); }

// The prompt's text, id and labels of each row.
struct Seen {
  Ids ids;
  std::vector<std::string> prompts;
  std::vector<std::vector<float>> labels;
};

Seen read(const Mixture& mixture, const std::vector<bool>& wanted = {}) {
  Seen seen;
  mixture.for_each_labelled(wanted, [&](LabelledRow&& row) {
    seen.ids.push_back(row.row_id);
    seen.prompts.push_back(row.messages.front().content);
    seen.labels.push_back(row.labels);
  });
  return seen;
}

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!(a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i])))) return false;
  return true;
}

std::int64_t left_out(const RowSelection& selection, std::size_t set, LeftOut reason) {
  return selection.sets[set].left_out[static_cast<std::size_t>(reason)];
}

json pair_row(const std::string& prompt, const std::string& chosen, const std::string& rejected) {
  return {{"chosen", turns(prompt, chosen)}, {"rejected", turns(prompt, rejected)}};
}

}  // namespace

TEST_CASE("rows of a mixture come in the order of its sets, and are named by set and row", "[unit]") {
  const Sets sets;
  const Mixture mixture = ratings(mixture_of({sets.add("a", {{{"messages", turns("a0", "x")}, {"q", 1}},
                                                             {{"messages", turns("a1", "x")}, {"q", 2}}}),
                                              sets.add("b", {{{"messages", turns("b0", "x")}, {"q", 3}},
                                                             {{"messages", turns("b1", "x")}, {"q", 4}},
                                                             {{"messages", turns("b2", "x")}, {"q", 5}}})}),
                                  {"q"});
  CHECK(mixture.num_rows() == 5);
  const Seen all = read(mixture);
  CHECK(all.ids == Ids{0, 1, 2, 3, 4});
  CHECK(all.prompts == std::vector<std::string>{"a0", "a1", "b0", "b1", "b2"});
  CHECK(all.labels == std::vector<std::vector<float>>{{1}, {2}, {3}, {4}, {5}});
  CHECK(mixture.row_name(1) == "a:1");
  CHECK(mixture.row_name(2) == "b:0");
  CHECK(mixture.row_name(4) == "b:2");
  CHECK(mixture.set_of(1) == 0);
  CHECK(mixture.set_of(2) == 1);
  const Seen some = read(mixture, {false, true, false, false, true});
  CHECK(some.ids == Ids{1, 4});
  CHECK(some.prompts == std::vector<std::string>{"a1", "b2"});
  CHECK(mixture.files().size() == 2);
}

TEST_CASE("each set gives its own attributes, scaled, and the others are missing", "[unit]") {
  const Sets sets;
  // By prefix, with one scale; by a list, with a scale of one attribute; by the columns' own names.
  MixtureSet prefixed = sets.add("a", {{{"messages", turns("a0", "x")}, {"good", 4}, {"long", 1.5}}});
  prefixed.attribute_prefix = "a-";
  prefixed.label_scale = {0.5, 5};
  MixtureSet listed = sets.add("b", {{{"messages", turns("b0", "x")}, {"stars", 3}, {"harm", 8}}});
  listed.attributes = {{"b-stars", "stars"}, {"b-harm", "harm"}};
  listed.label_scales = {{"b-harm", {-10, -10}}};
  const MixtureSet plain = sets.add("c", {{{"messages", turns("c0", "x")}, {"b-stars", 0.25}},
                                          {{"messages", turns("c1", "x")}, {"b-stars", nullptr}}});
  const Mixture mixture =
      ratings(mixture_of({prefixed, listed, plain}), {"b-harm", "a-long", "b-stars", "a-good"});
  const Seen seen = read(mixture);
  REQUIRE(seen.labels.size() == 4);
  // (1.5 + 0.5) / 5 and (4 + 0.5) / 5
  CHECK(same(seen.labels[0], {kNone, 0.4F, kNone, 0.9F}));
  // (8 - 10) / -10
  CHECK(same(seen.labels[1], {0.2F, kNone, 3, kNone}));
  CHECK(same(seen.labels[2], {kNone, kNone, 0.25F, kNone}));
  CHECK(same(seen.labels[3], {kNone, kNone, kNone, kNone}));
  CHECK_FALSE(mixture.is_weighted());
}

TEST_CASE("a form rates its attributes, and a scale of the recipe follows the form's", "[unit]") {
  const Sets sets;
  const json row{{"prompt", "p"},  {"response", "r"}, {"helpfulness", 3}, {"correctness", 4},
                 {"coherence", 0}, {"complexity", 2}, {"verbosity", 1}};
  MixtureSet forms = sets.add("h", {row});
  forms.attribute_prefix = "helpsteer-";
  forms.label_scale = {0, 2};
  MixtureSet extra = sets.add("i", {{{"messages", turns("q", "x")}, {"own", 1}}});
  const Mixture mixture = ratings(mixture_of({forms, extra}), {"own", "helpsteer-helpfulness"});
  REQUIRE(mixture.sets()[0].form != nullptr);
  CHECK(mixture.sets()[0].form->name == "helpsteer");
  const Seen seen = read(mixture);
  // The form: (3 + 0.5) / 5 = 0.7
  CHECK(same(seen.labels[0], {kNone, 0.35F}));
  CHECK(same(seen.labels[1], {1, kNone}));
}

TEST_CASE("weights of sets multiply the weights of rows", "[unit]") {
  const Sets sets;
  MixtureSet heavy = sets.add("a", {{{"messages", turns("a0", "x")}, {"q", 1}, {"w", 3}}});
  heavy.weight = 0.5;
  const MixtureSet plain = sets.add("b", {{{"messages", turns("b0", "x")}, {"q", 1}, {"w", 7}}});
  const auto weights = [&](const std::string& column) {
    const Mixture mixture = ratings(mixture_of({heavy, plain}), {"q"}, column);
    CHECK(mixture.is_weighted());
    return read(mixture).labels;
  };
  CHECK(weights("w") == std::vector<std::vector<float>>{{1, 1.5}, {1, 7}});
  CHECK(weights("") == std::vector<std::vector<float>>{{1, 0.5}, {1, 1}});
}

TEST_CASE("a mixture gives every attribute that is asked for, and each set at least one", "[unit]") {
  const Sets sets;
  MixtureSet a = sets.add("a", {{{"messages", turns("a0", "x")}, {"q", 1}}});
  const MixtureSet b = sets.add("b", {{{"messages", turns("b0", "x")}, {"r", 1}}});
  const auto refusal = [&](const Recipe& recipe, const std::vector<std::string>& attributes) {
    return error_of([&] { ratings(recipe, attributes); }, ErrorKind::usage);
  };
  CHECK_THAT(refusal(mixture_of({a, b}), {"q", "r", "s", "t"}), Contains("no set of the mixture gives s, t"));
  CHECK_THAT(refusal(mixture_of({a, b}), {"q"}), Contains("the set \"b\": gives none of `attributes` (q)") &&
                                                     Contains("its columns are") && Contains("r"));
  a.attributes = {{"q", "quality"}};
  CHECK_THAT(error_of(
                 [&] {
                   read(ratings(mixture_of({a, b}), {"q", "r"}));
                 },
                 ErrorKind::data),
             Contains("the set \"a\": ") && Contains("no column \"quality\""));
  a.attributes = {{"q", "q"}};
  a.label_scales = {{"r", {1, 2}}};
  CHECK_THAT(refusal(mixture_of({a, b}), {"q", "r"}), Contains("label_scales has \"r\""));
}

TEST_CASE("where, max_rows and a seed choose rows of a set", "[unit]") {
  const Sets sets;
  std::vector<json> rows;
  for (int i = 0; i < 10; ++i)
    rows.push_back(
        {{"messages", turns("p" + std::to_string(i), "x")}, {"q", i}, {"kind", i % 2 == 0 ? "even" : "odd"}});
  const MixtureSet before = sets.add("a", {{{"messages", turns("a0", "x")}, {"q", 1}}});
  MixtureSet set = sets.add("b", rows);
  set.where = RowFilter{"kind", {"even"}};
  set.max_rows = 3;
  const auto chosen = [&] { return select_rows(ratings(mixture_of({before, set}), {"q"}), false); };
  const RowSelection first = chosen();
  CHECK(first.rows == Ids{0, 1, 3, 5});
  CHECK(first.sets[0].taken == 1);
  CHECK(first.sets[1].taken == 3);
  CHECK(left_out(first, 1, LeftOut::where) == 5);
  CHECK(left_out(first, 1, LeftOut::max_rows) == 2);
  // numpy.random.default_rng(7).permutation(5) is [2 0 4 1 3]: of the even rows 0 2 4 6 8, those at 2, 0
  // and 4.
  set.seed = 7;
  CHECK(chosen().rows == Ids{0, 1, 5, 9});
  set.seed.reset();
  set.max_rows = 100;
  set.where = RowFilter{"kind", {"odd", "even"}};
  CHECK(chosen().rows.size() == 11);
  set.where = RowFilter{"kind", {"neither"}};
  CHECK_THAT(error_of(chosen, ErrorKind::data), Contains("the set \"b\": ") && Contains("neither"));
  set.where = RowFilter{"nothing", {"x"}};
  CHECK_THAT(error_of(chosen, ErrorKind::data),
             Contains("the set \"b\": ") && Contains("no column \"nothing\""));
}

TEST_CASE("a row whose prompt and answers occurred before is a duplicate", "[unit]") {
  const Sets sets;
  const MixtureSet a = sets.add("a", {pair_row("p", "good", "bad"), pair_row("p", "good", "worse"),
                                      pair_row("p", "good", "bad"), pair_row("q", "good", "bad")});
  // The same answers of the same prompt, in another form and the other way round.
  const MixtureSet b = sets.add("b", {{{"context", {{{"role", "user"}, {"content", "p"}}}},
                                       {"response1", "bad"},
                                       {"response2", "good"},
                                       {"overall_preference", -2}},
                                      {{"context", {{{"role", "user"}, {"content", "p"}}}},
                                       {"response1", "bad"},
                                       {"response2", "other"},
                                       {"overall_preference", -2}}});
  Recipe recipe = mixture_of({a, b});
  CHECK(select_rows(pairs(recipe), false).rows == Ids{0, 1, 2, 3, 4, 5});
  recipe.deduplicate = true;
  const RowSelection selection = select_rows(pairs(recipe), false);
  CHECK(selection.rows == Ids{0, 1, 3, 5});
  CHECK(left_out(selection, 0, LeftOut::duplicate) == 1);
  CHECK(left_out(selection, 1, LeftOut::duplicate) == 1);
}

TEST_CASE("messages that say the same in other JSON are duplicates", "[unit]") {
  const Sets sets;
  const auto row = [](const std::string& user) {
    const auto side = [&](const std::string& answer) {
      return "[" + user + R"(,{"role":"assistant","content":")" + answer + "\"}]";
    };
    return "{\"chosen\":" + side("x") + ",\"rejected\":" + side("y") + "}\n";
  };
  const std::string rows = row(R"({"role":"user","content":"q"})") +
                           row(R"({"name":null,"content":"q","role":"user"})") +
                           row(R"({"role":"user","content":"q","name":"n","more":{"a":1,"b":2}})") +
                           row(R"({"more":{"b":2,"a":1.0},"name":"n","role":"user","content":"q"})") +
                           row(R"({"role":"user","content":"q","name":"n","more":{"a":1,"b":3}})") +
                           row(R"({"role":"user","content":"q","name":"m"})");
  Recipe recipe = mixture_of({sets.add_text("a", rows)});
  recipe.deduplicate = true;
  CHECK(select_rows(pairs(recipe), false).rows == Ids{0, 2, 4, 5});
}

TEST_CASE("rows that give nothing are no duplicates of those that do", "[unit]") {
  const Sets sets;
  const auto row = [](int preference) {
    return json{{"context", {{{"role", "user"}, {"content", "p"}}}},
                {"response1", "a"},
                {"response2", "b"},
                {"overall_preference", preference}};
  };
  Recipe recipe = mixture_of({sets.add("tie", {row(0)}), sets.add("clear", {row(2), row(1)})});
  recipe.deduplicate = true;
  CHECK(select_rows(pairs(recipe), false).rows == Ids{0, 1});
}

TEST_CASE("of rows with several rated answers, all answers have to be the same", "[unit]") {
  const Sets sets;
  const auto completion = [](const std::string& text) {
    json aspects;
    for (const char* aspect : {"helpfulness", "honesty", "instruction_following", "truthfulness"})
      aspects[aspect] = {{"Rating", "3"}};
    return json{{"response", text}, {"overall_score", 6}, {"annotations", aspects}};
  };
  const auto row = [&](const std::string& one, const std::string& two) {
    return json{{"instruction", "p"}, {"completions", {completion(one), completion(two)}}};
  };
  Recipe recipe = mixture_of({sets.add("a", {row("x", "y"), row("x", "z"), row("y", "x")})});
  recipe.deduplicate = true;
  const RowSelection selection = select_rows(ratings(recipe, {"ultrafeedback-honesty"}), false);
  CHECK(selection.rows == Ids{0, 1});
}

TEST_CASE("rows whose prompt is one of an evaluation set are left out", "[unit]") {
  const Sets sets;
  const std::string long_prompt = "one two three four five six seven eight nine ten eleven twelve thirteen";
  const MixtureSet a = sets.add("a", {pair_row("What is it?", "x", "y"), pair_row("Another one.", "x", "y"),
                                      pair_row(fmt::format("So: {}, and more", long_prompt), "x", "y")});
  const MixtureSet b =
      sets.add("b", {pair_row("what is it", "other", "answers"), pair_row("Kept.", "x", "y")});
  Recipe recipe = mixture_of({a, b});
  recipe.deduplicate = true;
  // A pair of texts, and rows of messages: both kinds of sets have prompts.
  const MixtureSet bench =
      sets.add("bench", {{{"prompt", "What is it?"}, {"chosen", "1"}, {"rejected", "2"}}});
  const MixtureSet rated = sets.add("rated", {{{"messages", turns("Zero " + long_prompt, "x")}}});
  recipe.exclude_prompts_of = {bench.source, rated.source};
  const auto selected = [&] { return select_rows(pairs(recipe), false); };
  const RowSelection selection = selected();
  CHECK(selection.rows == Ids{1, 4});
  CHECK(left_out(selection, 0, LeftOut::evaluation_prompt) == 1);
  CHECK(left_out(selection, 0, LeftOut::evaluation_ngram) == 1);
  CHECK(left_out(selection, 1, LeftOut::evaluation_prompt) == 1);
  recipe.ngram = 14;
  CHECK(selected().rows == Ids{1, 2, 4});
  CHECK(pairs(recipe).files().size() == 4);
  recipe.exclude_prompts_of[0].path += ".absent";
  CHECK_THAT(error_of(selected, ErrorKind::io), Contains("exclude_prompts_of: ") && Contains(".absent"));
}

TEST_CASE("a prompt is known with and without its system message, and by each of its user's turns",
          "[unit]") {
  const Sets sets;
  const auto with_system = [](json conversation) {
    conversation.insert(conversation.begin(), json{{"role", "system"}, {"content", "Be brief."}});
    return conversation;
  };
  const auto turns_of_two = [](const std::string& answer) {
    json conversation = turns("first", "reply");
    for (const json& message : turns("second", answer)) conversation.push_back(message);
    return conversation;
  };
  const auto is_left_out = [&](const json& chosen, const json& rejected, const json& evaluation) {
    Recipe recipe = mixture_of({sets.add("a", {{{"chosen", chosen}, {"rejected", rejected}}})});
    recipe.exclude_prompts_of = {sets.add("e", {{{"messages", evaluation}}}).source};
    const RowSelection selection = select_rows(pairs(recipe), false);
    CHECK(std::ssize(selection.rows) + left_out(selection, 0, LeftOut::evaluation_prompt) == 1);
    return selection.rows.empty();
  };
  const json one = turns_of_two("x");
  const json other = turns_of_two("y");
  CHECK(is_left_out(one, other, turns("first\nreply\nsecond", "1")));
  CHECK(is_left_out(one, other, turns("First!", "1")));
  CHECK(is_left_out(one, other, turns("second", "1")));
  CHECK_FALSE(is_left_out(one, other, turns("reply", "1")));
  CHECK_FALSE(is_left_out(one, other, turns("x", "1")));
  CHECK_FALSE(is_left_out(one, other, turns("first second", "1")));
  const json system = with_system(turns("first", "x"));
  const json rejected = with_system(turns("first", "y"));
  CHECK(is_left_out(system, rejected, turns("first", "1")));
  CHECK(is_left_out(turns("first", "x"), turns("first", "y"), system));
  CHECK(is_left_out(with_system(one), with_system(other), one));
  CHECK(is_left_out(one, other, with_system(one)));
  CHECK(is_left_out(turns("second", "x"), turns("second", "y"), one));
  CHECK_FALSE(is_left_out(turns("Be brief.", "x"), turns("Be brief.", "y"), system));
}

TEST_CASE("a scale of a label that the set does not have is an error that lists the labels", "[unit]") {
  const Sets sets;
  MixtureSet a = sets.add("a", {{{"messages", turns("p", "x")}, {"good", 1}, {"fine", 2}, {"long", 3}}});
  const auto refusal = [&](const std::string& key) {
    a.label_scales = {{key, {0, 2}}};
    return error_of([&] { ratings(mixture_of({a}), {"good", "fine"}); }, ErrorKind::usage);
  };
  CHECK_THAT(refusal("goood"), Contains("the set \"a\"") && Contains("\"goood\"") && Contains("fine, good"));
  // A label that is not asked for this time.
  a.label_scales = {{"long", {0, 2}}, {"good", {0, 2}}};
  CHECK(same(read(ratings(mixture_of({a}), {"good", "fine"})).labels[0], {0.5F, 2}));
  a.attribute_prefix = "a-";
  a.label_scales = {{"a-long", {0, 2}}};
  CHECK(read(ratings(mixture_of({a}), {"a-good"})).labels.size() == 1);
  a.label_scales = {{"long", {0, 2}}};
  CHECK_THAT(error_of([&] { ratings(mixture_of({a}), {"a-good"}); }, ErrorKind::usage), Contains("\"long\""));
  a.attribute_prefix.clear();
  a.attributes = {{"good", "good"}, {"other", "long"}};
  a.label_scales = {{"other", {0, 2}}};
  CHECK(read(ratings(mixture_of({a}), {"good"})).labels.size() == 1);
  CHECK_THAT(refusal("long"), Contains("it gives good"));
}

TEST_CASE("a scale that makes no finite label is an error of the recipe", "[unit]") {
  const Sets sets;
  MixtureSet a = sets.add("a", {{{"messages", turns("p", "x")}, {"good", nullptr}},
                                {{"messages", turns("p", "x")}, {"good", 5}}});
  a.label_scale = {0, 1e-300};
  CHECK_THAT(error_of([&] { read(ratings(mixture_of({a}), {"good"})); }, ErrorKind::usage),
             Contains("the set \"a\"") && Contains("\"good\"") && Contains("label_scale"));
}

TEST_CASE("a renamed weight column leaves the form of the rows recognised", "[unit]") {
  const Sets sets;
  MixtureSet a = sets.add("a", {{{"prompt", "p"}, {"response", "x"}, {"good", 1}, {"w", 3}}});
  a.source.columns = {{"weight", "w"}};
  CHECK(read(ratings(mixture_of({a}), {"good"}, "weight")).labels == std::vector<std::vector<float>>{{1, 3}});
  a.attribute_prefix = "a-";
  CHECK(read(ratings(mixture_of({a}), {"a-good"}, "weight")).labels ==
        std::vector<std::vector<float>>{{1, 3}});
}

TEST_CASE("what a recipe says without effect is named", "[unit]") {
  const Sets sets;
  const auto log_of = [](const Recipe& recipe) {
    std::vector<std::string> lines;
    const LogCapture capture(lines);
    const Mixture mixture = pairs(recipe);
    select_rows(mixture, false);
    mixture.for_each_preference({}, [](PreferenceRow&&) {});
    return json(lines).dump();
  };
  json row = pair_row("p", "x", "y");
  row["kind"] = "a";
  MixtureSet a = sets.add("a", {row});
  a.where = RowFilter{"kind", {"a", "b", "c"}};
  const std::string log = log_of(mixture_of({a}));
  CHECK_THAT(log, Contains("no row has this value of `where`") && Contains(": b, c"));
  CHECK_THAT(log, !Contains("no row is made from it"));
  a.where.reset();
  CHECK_THAT(log_of(mixture_of({a})), Contains("no row is made from it") && Contains("kind"));
  CHECK_THAT(log_of(mixture_of({a})), !Contains("ranked_pairs"));
  a.source.form.ranked_pairs = RankedPairs::best;
  CHECK_THAT(log_of(mixture_of({a})), Contains("the set \\\"a\\\"") &&
                                          Contains("`ranked_pairs` is without effect") &&
                                          Contains("conversational"));
  const json ranked{{"prompt", "\n\nHuman: q"}, {"answers", {{{"answer", "x"}, {"rank", 1}}}}};
  MixtureSet b = sets.add("b", {ranked});
  b.source.form.ranked_pairs = RankedPairs::best;
  CHECK_THAT(log_of(mixture_of({b})), !Contains("without effect"));
}

TEST_CASE("a rename of an optional column to one that is not there is an error", "[unit]") {
  const Sets sets;
  const auto refusal = [&](MixtureSet set, const std::string& ours) {
    set.source.columns = {{ours, "nope"}};
    return error_of([&] { pairs(mixture_of({set})).for_each_preference({}, [](PreferenceRow&&) {}); },
                    ErrorKind::data);
  };
  CHECK_THAT(refusal(sets.add("a", {pair_row("p", "x", "y")}), "subset"), Contains("no column \"nope\""));
  CHECK_THAT(refusal(sets.add("b", {{{"prompt", "p"}, {"chosen", "x"}, {"rejected", {"y"}}}}), "system"),
             Contains("no column \"nope\""));
}

TEST_CASE("an evaluation set may be of prompts alone", "[unit]") {
  const Sets sets;
  Recipe recipe = mixture_of({sets.add("a", {pair_row("p", "x", "y"), pair_row("q", "x", "y")})});
  recipe.exclude_prompts_of = {
      sets.add("e", {{{"prompt", "Q!"}, {"id", 1}}, {{"prompt", "r"}, {"id", 2}}}).source};
  CHECK(select_rows(pairs(recipe), false).rows == Ids{0});
  recipe.exclude_prompts_of = {sets.add("e", {{{"question", "p"}}}).source};
  recipe.exclude_prompts_of[0].columns = {{"prompt", "question"}};
  CHECK(select_rows(pairs(recipe), false).rows == Ids{1});
}

TEST_CASE("errors of rows of an evaluation set say so", "[unit]") {
  const Sets sets;
  Recipe recipe = mixture_of({sets.add("a", {pair_row("p", "x", "y")})});
  recipe.exclude_prompts_of = {
      sets.add("e", {pair_row("q", "x", "y"), {{"chosen", 1}, {"rejected", 2}}}).source};
  CHECK_THAT(error_of([&] { select_rows(pairs(recipe), false); }, ErrorKind::data),
             Contains("exclude_prompts_of: ") && Contains("row 1"));
}

TEST_CASE("a column of `where` that is not there is answered with those that are", "[unit]") {
  const Sets sets;
  MixtureSet a = sets.add("a", {pair_row("p", "x", "y")});
  a.where = RowFilter{"kind", {"a"}};
  CHECK_THAT(error_of([&] { select_rows(pairs(mixture_of({a})), false); }, ErrorKind::data),
             Contains("\"kind\"") && Contains("chosen, rejected") && !Contains("`form`"));
}

TEST_CASE("errors of a mixture name the set and the row", "[unit]") {
  const Sets sets;
  const MixtureSet good = sets.add("good", {pair_row("p", "x", "y")});
  const MixtureSet bad = sets.add("bad", {pair_row("p", "x", "y"), {{"chosen", 1}, {"rejected", 2}}});
  const Mixture mixture = pairs(mixture_of({good, bad}));
  CHECK_THAT(error_of([&] { mixture.for_each_preference({}, [](PreferenceRow&&) {}); }, ErrorKind::data),
             Contains("the set \"bad\": ") && Contains("row 1"));
  std::vector<std::string> rejected;
  mixture.for_each_preference(
      {}, [](PreferenceRow&&) {},
      [&](std::int64_t row, const std::string& column, const std::string&) {
        rejected.push_back(mixture.row_name(row) + " " + column);
      });
  CHECK(rejected == std::vector<std::string>{"bad:1 chosen"});
  // What the reader of the rows throws names its row itself.
  CHECK(
      error_of([&] { mixture.for_each_preference({}, [](PreferenceRow&&) { fail_data("row good:0: no"); }); },
               ErrorKind::data) == "row good:0: no");
  MixtureSet absent = good;
  absent.name = "absent";
  absent.source.split = "test[";
  CHECK_THROWS_WITH(pairs(mixture_of({good, absent})), Contains("the set \"absent\": "));
  // A row that cannot be read stays, for whoever reads it to report.
  Recipe recipe = mixture_of({good, bad});
  recipe.deduplicate = true;
  CHECK(select_rows(pairs(recipe), false).rows == Ids{0, 2});
}

TEST_CASE("best-of-n rows are evaluated together, and in no mixture of several sets", "[unit]") {
  const Sets sets;
  const MixtureSet pairs_set = sets.add("a", {pair_row("p", "x", "y")});
  const MixtureSet lists = sets.add(
      "b", {{{"prompt", "p"}, {"chosen", {"x"}}, {"rejected", {"y", "z"}}, {"id", "1"}, {"subset", "s"}}});
  CHECK_THAT(error_of(
                 [&] {
                   pairs(mixture_of({pairs_set, lists})).for_each_preference({}, [](PreferenceRow&&) {});
                 },
                 ErrorKind::data),
             Contains("row b:0") && Contains("RewardBench 2"));
}

TEST_CASE("a set that is no mixture is read as it is", "[unit]") {
  const Sets sets;
  Recipe recipe = mixture_of({sets.add("a", {{{"messages", turns("a0", "x")}, {"q", 1}, {"w", 2}}})});
  recipe.is_mixture = false;
  const Mixture mixture = ratings(recipe, {"q"}, "w");
  CHECK(mixture.row_name(0) == "0");
  CHECK(read(mixture).labels == std::vector<std::vector<float>>{{1, 2}});
  CHECK(select_rows(mixture, false).rows == Ids{0});
}
