// Forms of data sets: each is recognised, and read as an independent loader reads it
// (scripts/goldens/make_form_goldens.py).
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "armorm/attributes.h"
#include "core/error.h"
#include "core/words.h"
#include "data/form.h"
#include "data/forms_page.h"
#include "data/rows.h"
#include "data/transcript.h"
#include "io/publish.h"
#include "support/error_of.h"
#include "support/log_capture.h"

using namespace armorm;
using namespace armorm::data;
using namespace armorm::test;
using Catch::Matchers::Contains;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const std::vector<std::string> kFiles{"rows.parquet", "rows.jsonl"};

Dataset open_form(const fs::path& path, const FormOptions& form, const std::string& split = "train") {
  return Dataset::open({.path = path, .split = split, .config = "", .columns = {}, .form = form});
}

json golden_of(const std::string& kind, const std::string& form) {
  return golden_json("forms/" + kind + "/" + form + "/expected.json");
}

fs::path file_of(const std::string& kind, const std::string& form, const std::string& file) {
  return golden("data/forms/" + kind + "/" + form + "/" + file);
}

// "default", or a label, a kind of ranked pairs, or both.
FormOptions choices_of(const std::string& mode) {
  FormOptions form;
  std::istringstream words(mode);
  for (std::string word; words >> word;) {
    if (word == "best") form.ranked_pairs = RankedPairs::best;
    if (word != "best" && word != "all" && word != "default") form.preference_label = word;
  }
  return form;
}

void check_pair(const PreferenceRow& row, const AnswerPair& pair, const json& expected) {
  CHECK(row.row_id == expected.at("row"));
  CHECK(json{pair.chosen, pair.rejected} == expected.at("ids"));
  CHECK(row.answers.at(pair.chosen) == conversation_from(expected.at("chosen")));
  CHECK(row.answers.at(pair.rejected) == conversation_from(expected.at("rejected")));
  const json& strength = expected.at("strength");
  CHECK(std::isnan(row.strength) == strength.is_null());
  if (!strength.is_null()) CHECK(row.strength == strength.get<float>());
}

void check_ranked(const std::vector<PreferenceRow>& rows, const json& expected) {
  std::size_t next = 0;
  std::int64_t ties = 0, unlabelled = 0;
  for (const PreferenceRow& row : rows) {
    ties += row.tied_pairs;
    unlabelled += row.unlabelled_answers;
    for (const AnswerPair& pair : row.pairs) {
      REQUIRE(next < expected.at("pairs").size());
      check_pair(row, pair, expected.at("pairs")[next++]);
    }
  }
  CHECK(next == expected.at("pairs").size());
  CHECK(ties == expected.at("ties"));
  CHECK(unlabelled == expected.at("unlabelled"));
}

void check_sides(const std::vector<PreferenceRow>& rows, const json& pairs) {
  REQUIRE(rows.size() == pairs.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK(rows[i].row_id == pairs[i].at("row"));
    CHECK(rows[i].chosen == conversation_from(pairs[i].at("chosen")));
    CHECK(rows[i].rejected == conversation_from(pairs[i].at("rejected")));
  }
}

void check_best_of_n(const std::vector<PreferenceRow>& rows, const json& expected) {
  REQUIRE(rows.size() == expected.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    REQUIRE(rows[i].all_chosen.size() == expected[i].at("chosen").size());
    for (std::size_t k = 0; k < rows[i].all_chosen.size(); ++k)
      CHECK(rows[i].all_chosen[k] == conversation_from(expected[i].at("chosen")[k]));
    CHECK(rows[i].all_rejected.at(0) == conversation_from(expected[i].at("rejected")[0]));
  }
}

void check_pairs(const Dataset& dataset, const json& expected) {
  const std::vector<PreferenceRow> rows = preference_rows(dataset);
  if (expected.contains("best_of_n")) return check_best_of_n(rows, expected.at("best_of_n"));
  if (expected.contains("ties")) return check_ranked(rows, expected);
  check_sides(rows, expected.at("pairs"));
}

std::vector<std::string> attributes_for(const std::string& form) {
  return form == "prompt_response" ? std::vector<std::string>{"quality", "safe"} : default_attributes();
}

void check_ratings(const Dataset& dataset, const std::vector<std::string>& attributes, const json& expected) {
  const std::vector<LabelledRow> rows = labelled_rows(dataset, attributes);
  REQUIRE(rows.size() == expected.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(i);
    CHECK(rows[i].row_id == expected[i].at("row"));
    CHECK(rows[i].answer == expected[i].at("answer"));
    CHECK(rows[i].messages == conversation_from(expected[i].at("messages")));
    const json& labels = expected[i].at("labels");
    std::size_t found = 0;
    for (std::size_t k = 0; k < attributes.size(); ++k) {
      if (std::isnan(rows[i].labels[k])) continue;
      ++found;
      CAPTURE(attributes[k]);
      REQUIRE(labels.contains(attributes[k]));
      CHECK(rows[i].labels[k] == labels.at(attributes[k]).get<float>());
    }
    CHECK(found == labels.size());
  }
}

void put(const fs::path& path, const std::string& text) { io::publish_text(path, text); }

}  // namespace

TEST_CASE("each form of pairs is recognised and read as by an independent loader", "[golden]") {
  std::vector<std::string> folders{"implicit_conversational"};
  for (const Form& form : pair_forms()) folders.emplace_back(form.name);
  for (const std::string& folder : folders)
    for (const std::string& file : kFiles) {
      const json expected = golden_of("pairs", folder);
      for (const auto& [mode, rows] : expected.items()) {
        CAPTURE(folder, file, mode);
        const Dataset dataset = open_form(file_of("pairs", folder, file), choices_of(mode));
        const Form* form = dataset.pair_form();
        REQUIRE(form != nullptr);
        CHECK(form->name == rows.value("form", folder));
        check_pairs(dataset, rows);
        // Forced, the rows are the same.
        FormOptions forced = choices_of(mode);
        forced.pairs = parse_word<PairForm>("form", form->name);
        check_pairs(open_form(file_of("pairs", folder, file), forced), rows);
      }
    }
}

TEST_CASE("each form of ratings is recognised and read as by an independent loader", "[golden]") {
  for (const Form& form : rating_forms()) {
    const std::string name(form.name);
    if (name == "messages") continue;  // tested with the schemas of the public sets
    for (const std::string& file : kFiles) {
      CAPTURE(name, file);
      const json expected = golden_of("ratings", name);
      const std::vector<std::string> attributes = attributes_for(name);
      const Dataset dataset = open_form(file_of("ratings", name, file), {});
      REQUIRE(dataset.rating_form(attributes) != nullptr);
      CHECK(dataset.rating_form(attributes)->name == name);
      check_ratings(dataset, attributes, expected);
      const FormOptions forced{.ratings = parse_word<RatingForm>("form", name)};
      check_ratings(open_form(file_of("ratings", name, file), forced), attributes, expected);
    }
  }
}

TEST_CASE("the schemas of the public sets have the forms that they had", "[golden]") {
  const auto form_name = [](const std::string& set, const std::string& split) {
    const Form* form = open_dataset(golden("data/sets/" + set), split).pair_form();
    return form == nullptr ? std::string() : std::string(form->name);
  };
  CHECK(form_name("preference_standard", "train") == "conversational");
  CHECK(form_name("pair_data", "train") == "conversational");
  CHECK(form_name("reward_bench", "filtered") == "explicit_prompt");
  CHECK(form_name("reward_bench_2", "test") == "best_of_n");
  const Form* form = open_dataset(golden("data/sets/multi_objective")).rating_form(default_attributes());
  REQUIRE(form != nullptr);
  CHECK(form->name == "messages");
}

TEST_CASE("the table has the forms of the options, in their order", "[unit]") {
  const auto check = [](auto words, std::span<const Form> forms) {
    REQUIRE(words.size() == forms.size() + 1);
    CHECK(words[0] == "auto");
    for (std::size_t i = 0; i < forms.size(); ++i) CHECK(forms[i].name == words[i + 1]);
  };
  check(words_of(PairForm{}), pair_forms());
  check(words_of(RatingForm{}), rating_forms());
}

TEST_CASE("the page of forms is that of the table", "[unit]") {
  const fs::path page = source_dir() / "docs/data-forms.md";
  if (std::getenv("ARMORM_WRITE_DOCS") != nullptr) std::ofstream(page) << forms_page();
  CHECK(io::read_text_file(page) == forms_page());
}

TEST_CASE("columns that fit several forms are an error that names them", "[unit]") {
  const TempDir dir;
  const std::string both =
      R"({"prompt":"q","chosen":"c","rejected":"r","response_0":"a","response_1":"b","better_response_id":1})";
  put(dir / "x.jsonl", both + "\n");
  const Dataset dataset = open_dataset(dir / "x.jsonl");
  CHECK_THAT(error_of([&] { preference_rows(dataset); }, ErrorKind::data),
             Contains("explicit_prompt, pku_saferlhf") && Contains("`form`"));
  const auto rows = preference_rows(open_form(dir / "x.jsonl", {.pairs = PairForm::pku_saferlhf}));
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].answers.at(rows[0].pairs.at(0).chosen).back().content == "b");
  CHECK(preference_rows(open_form(dir / "x.jsonl", {.pairs = PairForm::explicit_prompt}))[0]
            .chosen.back()
            .content == "c");
}

TEST_CASE("a form is recognised by types as well as names", "[unit]") {
  const TempDir dir;
  const auto form_of_row = [&](const std::string& rows) {
    put(dir / "x.jsonl", rows + "\n");
    const Form* form = open_dataset(dir / "x.jsonl").pair_form();
    return form == nullptr ? std::string("none") : std::string(form->name);
  };
  // Rows without a value say nothing.
  CHECK(form_of_row("{\"prompt\":null,\"answers\":null}\n"
                    R"({"prompt":"\n\nHuman: q\n\nAssistant: ","answers":[{"answer":"a","rank":1}]})") ==
        "nectar");
  CHECK(form_of_row(R"({"prompt":"q","answers":[{"answer":"a","rank":1}]})") == "nectar");
  CHECK(form_of_row(R"({"prompt":"\n\nHuman: q","answers":["a"]})") == "none");
  CHECK(form_of_row(R"({"history":"q","human_ref_A":"a","human_ref_B":"b","labels":"yes"})") == "none");
  CHECK(form_of_row(R"({"history":"q","human_ref_A":"a","human_ref_B":"b","labels":"1"})") == "shp");
  // Without a column of a prompt, but with one that may be it, the prompt is asked for.
  CHECK(form_of_row(R"({"chosen":"a b","rejected":"a c","id":1})") == "implicit_prompt");
  CHECK(form_of_row(R"({"chosen":"a b","rejected":"a c","question":"q"})") == "none");
}

TEST_CASE("rankings have prompts of every kind", "[unit]") {
  const TempDir dir;
  const std::string answers = R"(,"answers":[{"answer":"a","rank":2},{"answer":"b","rank":1}]})";
  put(dir / "x.jsonl", R"({"prompt":"q")" + answers + "\n" + R"({"prompt":"\n\nHuman: q\n\nAssistant: ")" +
                           answers + "\n" + R"({"prompt":[{"role":"user","content":"q"}])" + answers + "\n");
  const auto rows = preference_rows(open_dataset(dir / "x.jsonl"));
  REQUIRE(rows.size() == 3);
  for (const PreferenceRow& row : rows) {
    REQUIRE(row.pairs.size() == 1);
    CHECK(row.answers.at(row.pairs[0].chosen) == Conversation{{"user", "q"}, {"assistant", "b"}});
  }
}

TEST_CASE("a column of system messages is read in every form that can have one", "[unit]") {
  const TempDir dir;
  const auto first_messages = [&](const std::string& row) {
    put(dir / "x.jsonl", row + "\n");
    Conversation first;
    for (const PreferenceRow& pair : preference_rows(open_dataset(dir / "x.jsonl")))
      for (const Conversation& answer : pair.answers) first.push_back(answer.front());
    return first;
  };
  const Conversation both{{"system", "s"}, {"system", "s"}};
  CHECK(first_messages(R"({"chosen":"q a","rejected":"q b","system":"s"})") == both);
  CHECK(
      first_messages(R"({"chosen":"\n\nHuman: q\n\nAssistant: a","rejected":"\n\nHuman: q\n\nAssistant: b",)"
                     R"("system":"s"})") == both);
  put(dir / "x.jsonl", R"({"prompt":"q","response":"a","good":1,"system":"s"})");
  CHECK(labelled_rows(open_dataset(dir / "x.jsonl"), {"good"}).at(0).messages.front() ==
        Message{"system", "s"});
}

TEST_CASE("a label that the form does not have is refused", "[unit]") {
  const fs::path pku = file_of("pairs", "pku_saferlhf", "rows.jsonl");
  CHECK_THAT(
      error_of([&] { preference_rows(open_form(pku, {.preference_label = "rank"})); }, ErrorKind::usage),
      Contains("better_response_id, safer_response_id") && Contains("`preference_label`"));
  const fs::path explicit_prompt = file_of("pairs", "explicit_prompt", "rows.jsonl");
  CHECK_THAT(error_of([&] { preference_rows(open_form(explicit_prompt, {.preference_label = "rank"})); },
                      ErrorKind::usage),
             Contains("none to choose from"));
}

TEST_CASE("values that a form cannot use are named, and the row can be skipped", "[unit]") {
  const TempDir dir;
  const auto reason = [&](const std::string& good, const std::string& bad) {
    put(dir / "x.jsonl", good + "\n" + bad + "\n");
    std::vector<std::string> reasons;
    std::size_t rows = 0;
    const Dataset dataset = open_dataset(dir / "x.jsonl");
    dataset.for_each_preference(
        {}, [&](PreferenceRow&&) { ++rows; },
        [&](std::int64_t row, const std::string& column, const std::string& text) {
          CHECK(row == 1);
          reasons.push_back(column + ": " + text);
        });
    CHECK(rows == 1);
    REQUIRE(reasons.size() == 1);
    return reasons[0];
  };
  const auto pku = [](const std::string& label) {
    return R"({"prompt":"q","response_0":"a","response_1":"b","better_response_id":)" + label + "}";
  };
  CHECK_THAT(reason(pku("1"), pku("2")), Contains("better_response_id") && Contains("one of 2 answers"));
  CHECK_THAT(reason(pku("1"), pku("-1")), Contains("better_response_id"));
  const auto nectar = [](const std::string& prompt, const std::string& answers) {
    return R"({"prompt":")" + prompt + R"(","answers":)" + answers + "}";
  };
  const std::string good = nectar("\\n\\nHuman: q", R"([{"answer":"a","rank":1},{"answer":"b","rank":2}])");
  CHECK_THAT(reason(good, R"({"prompt":7,"answers":[{"answer":"a","rank":1}]})"),
             Contains("prompt") && Contains("expected text or a list of messages"));
  CHECK_THAT(reason(good, nectar("\\n\\nHuman: q", R"([{"text":"a"}])")), Contains("no text \"answer\""));
  CHECK_THAT(reason(good, nectar("\\n\\nHuman: q", "[]")), Contains("answers") && Contains("empty list"));
  const auto judged = [](const std::string& winner) {
    const std::string turns = R"([{"role":"user","content":"q"},{"role":"assistant","content":"a"}])";
    return R"({"conversation_a":)" + turns + R"(,"conversation_b":)" + turns + R"(,"winner":")" + winner +
           "\"}";
  };
  CHECK_THAT(reason(judged("model_b"), judged("gpt-4")), Contains("winner") && Contains("model_a"));
  const auto lettered = [](const std::string& better) {
    return R"({"orig_instruction":"q","orig_response_A":"a","orig_response_B":"b","orig_preference":")" +
           better + "\"}";
  };
  CHECK_THAT(reason(lettered("B"), lettered("C")), Contains("orig_preference") && Contains("A or B"));
  const auto shp = [](const std::string& labels, const std::string& ratio) {
    return R"({"history":"q","human_ref_A":"a","human_ref_B":"b","labels":)" + labels +
           ",\"score_ratio\":" + ratio + "}";
  };
  CHECK_THAT(reason(shp("1", "2"), shp("\"x\"", "2")),
             Contains("labels") && Contains("(\"x\")") && Contains("null"));
  CHECK_THAT(reason(shp("1", "2"), shp("0", "\"x\"")), Contains("score_ratio"));
  CHECK_THAT(reason(shp("1", "2"), shp("Infinity", "2")), Contains("labels"));
  CHECK_THAT(reason(pku("1"), pku("Infinity")), Contains("better_response_id"));
  CHECK_THAT(reason(pku("1"), pku("\"first\"")), Contains("better_response_id") && Contains("\"first\""));
  const auto helpsteer3 = [](const std::string& preference) {
    return R"({"context":[{"role":"user","content":"q"}],"response1":"a","response2":"b","overall_preference":)" +
           preference + "}";
  };
  CHECK_THAT(reason(helpsteer3("3"), helpsteer3("-100")),
             Contains("overall_preference") && Contains("-100") && Contains("from -3 to 3"));
  CHECK_THAT(reason(helpsteer3("-3"), helpsteer3("\"much\"")), Contains("overall_preference"));
}

TEST_CASE("null, NaN and empty text are no label", "[unit]") {
  const TempDir dir;
  for (const std::string label : {"null", "NaN", "\"\""}) {
    CAPTURE(label);
    const auto row = [](const std::string& value) {
      return R"({"history":"q","human_ref_A":"a","human_ref_B":"b","labels":)" + value + "}\n";
    };
    put(dir / "x.jsonl", row("1") + row(label));
    const auto rows = preference_rows(open_dataset(dir / "x.jsonl"));
    REQUIRE(rows.size() == 2);
    CHECK(rows[1].pairs.empty());
    CHECK(rows[1].unlabelled_answers == 2);
  }
}

TEST_CASE("ratings outside the scale of their form are refused by name", "[unit]") {
  const TempDir dir;
  const auto reason = [&](const std::string& row, const std::string& attribute) {
    put(dir / "x.jsonl", row + "\n");
    std::string found;
    open_dataset(dir / "x.jsonl")
        .for_each_labelled(
            {attribute}, {}, [](LabelledRow&&) {},
            [&](std::int64_t, const std::string&, const std::string& text) { found += text; });
    return found;
  };
  const auto helpsteer = [&](const std::string& value) {
    return reason(
        R"({"prompt":"q","response":"a","correctness":1,"coherence":1,"complexity":1,"verbosity":1,"helpfulness":)" +
            value + "}",
        "helpsteer-helpfulness");
  };
  CHECK(helpsteer("0").empty());
  CHECK(helpsteer("4").empty());
  for (const std::string value : {"9", "-3", "5"})
    CHECK_THAT(helpsteer(value), Contains("\"helpfulness\"") && Contains("found " + value) &&
                                     Contains("from 0 to 4") && Contains("helpsteer"));
  const auto ultrafeedback = [&](const std::string& score) {
    return reason(R"({"instruction":"q","completions":[{"response":"a","overall_score":1},)"
                  R"({"response":"b","overall_score":)" +
                      score + "}]}",
                  "ultrafeedback-overall_score");
  };
  CHECK(ultrafeedback("10").empty());
  CHECK(ultrafeedback("\"N/A\"").empty());
  CHECK_THAT(ultrafeedback("85"), Contains("\"completions\"") && Contains("overall_score of answer 1") &&
                                      Contains("found 85") && Contains("from 1 to 10"));
  const auto code = [&](const std::string& rating, const std::string& aspect) {
    return reason(R"({"instruction":"q","responses":[{"model":"m","response":"a"}],)"
                  R"("annotations":[{"model":"m","rating":")" +
                      rating + R"("}],"preference":")" + aspect + "\"}",
                  "code-style");
  };
  CHECK(code("5", "style").empty());
  CHECK(code("7", "complexity").empty());  // another attribute, which is not read
  CHECK_THAT(code("7", "style"), Contains("\"annotations\"") && Contains("from 1 to 5"));
  CHECK_THAT(code("5", "beauty"),
             Contains("\"preference\"") && Contains("\"beauty\"") && Contains("readability"));
  const auto judged = [&](const std::string& ratings) {
    return reason(R"({"system":"","input":"q","generations":["a","b"],"rating":)" + ratings + "}",
                  "argilla-judge_lm");
  };
  CHECK(judged("[1, 10]").empty());
  CHECK_THAT(judged("[1, 11]"), Contains("\"rating\": item 1") && Contains("found 11"));
}

TEST_CASE("a prompt that two texts begin with leaves each an answer", "[unit]") {
  const TempDir dir;
  const auto answers = [&](const std::string& chosen, const std::string& rejected) {
    put(dir / "x.jsonl", json{{"chosen", chosen}, {"rejected", rejected}}.dump() + "\n");
    const auto rows = preference_rows(open_form(dir / "x.jsonl", {.pairs = PairForm::implicit_prompt}));
    std::vector<std::string> texts{rows.at(0).answers.at(0).front().content};
    for (const Conversation& answer : rows.at(0).answers) texts.push_back(answer.back().content);
    return texts;
  };
  using Texts = std::vector<std::string>;
  CHECK(answers("Say it. Yes", "Say it. No") == Texts{"Say it.", " Yes", " No"});
  CHECK(answers("Say it. Yes", "Say it. Yes, it is") == Texts{"Say it.", " Yes", " Yes, it is"});
  CHECK(answers("Say\n\nYes it", "Say\n\nYes") == Texts{"Say", "\n\nYes it", "\n\nYes"});
  CHECK(answers("Say it ", "Say it now") == Texts{"Say", " it ", " it now"});
  for (const auto& [chosen, rejected] : std::vector<std::pair<std::string, std::string>>{
           {"Yes", "Yes, it is"}, {"Yes, it is", "Yes"}, {" Yes", " Yes!"}})
    CHECK_THAT(error_of([&] { answers(chosen, rejected); }, ErrorKind::data),
               Contains("row 0") && Contains("beginning of the other"));
}

TEST_CASE("a list of ratings has one number for each answer", "[unit]") {
  const TempDir dir;
  const auto reason = [&](const std::string& ratings) {
    const auto row = [](const std::string& list) {
      return R"({"system":"","input":"q","generations":["a","b"],"rating":)" + list + "}\n";
    };
    put(dir / "x.jsonl", row("[1, 2]") + row(ratings));
    std::string found;
    open_dataset(dir / "x.jsonl")
        .for_each_labelled(
            {"argilla-judge_lm"}, {}, [](LabelledRow&&) {},
            [&](std::int64_t, const std::string&, const std::string& text) { found += text; });
    return found;
  };
  CHECK(reason(R"(["3", null])").empty());
  CHECK_THAT(reason("[1]"), Contains("found 1 ratings, expected one for each of 2 answers"));
  CHECK_THAT(reason("[1, [2]]"), Contains("expected numbers"));
  CHECK_THAT(reason(R"({"a":1})"), Contains("expected a list of numbers"));
}

TEST_CASE("fields of records that nothing is made from are named and counted", "[unit]") {
  std::vector<std::string> lines;
  {
    const LogCapture capture(lines);
    preference_rows(open_dataset(file_of("pairs", "ultrafeedback", "rows.parquet")));
  }
  const std::string text = json(lines).dump();
  CHECK_THAT(text, Contains("'completions.critique' (6 times)") &&
                       Contains("'completions.custom_system_prompt' (6 times)"));
  CHECK_THAT(text, !Contains("completions.response") && !Contains("completions.model") &&
                       !Contains("completions.overall_score"));
}

TEST_CASE("parts of a split keep the row ids of their form's rows", "[unit]") {
  const fs::path file = file_of("pairs", "nectar", "rows.parquet");
  const auto rows = preference_rows(open_dataset(file), {false, true, false});
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].row_id == 1);
  CHECK(rows[0].pairs.size() == 2);
  CHECK(preference_rows(open_dataset(file, "train[1:2]")).at(0).answers == rows[0].answers);
}

TEST_CASE("a transcript of many markers is read in linear time", "[unit]") {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += "\n\nHuman:";
  CHECK(parse_transcript(text, "x").size() == 200'000);
}
