// The rules for rows, and the messages when a row breaks them.
#include "data/rows.h"

#include <cmath>
#include <fstream>

#include "core/error.h"
#include "data/parquet_writer.h"

namespace fs = std::filesystem;
using armorm::Conversation;
using armorm::test::labelled_rows;
using armorm::test::open_dataset;
using armorm::test::preference_rows;
using armorm::test::TempDir;
using Catch::Matchers::Contains;

namespace {

fs::path put(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

// The message of the data error that `body` throws; it names the file.
template <class Body>
std::string refusal(Body&& body) {
  try {
    body();
  } catch (const armorm::Error& error) {
    CHECK(error.kind() == armorm::ErrorKind::data);
    CHECK_THAT(error.what(), Contains("x."));
    CHECK(std::string(error.what()).find('\n') == std::string::npos);
    return error.what();
  }
  return "nothing was thrown";
}

const std::string kTurns = R"([{"role":"user","content":"q"},{"role":"assistant","content":"a"}])";

}  // namespace

TEST_CASE("labels: numbers, booleans and null", "[unit]") {
  const TempDir dir;
  put(dir / "x.jsonl", "{\"messages\":" + kTurns + ",\"a\":1,\"b\":true,\"c\":NaN}\n\n  \n" +
                           "{\"messages\":" + kTurns + ",\"a\":-2.5,\"b\":false}\n");
  const auto rows = labelled_rows(open_dataset(dir / "x.jsonl"), {"a", "b", "c"});
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].labels[0] == 1.0F);
  CHECK(rows[0].labels[1] == 1.0F);
  CHECK(std::isnan(rows[0].labels[2]));
  CHECK(rows[1].labels[0] == -2.5F);
  CHECK(rows[1].labels[1] == 0.0F);
  CHECK(std::isnan(rows[1].labels[2]));
}

TEST_CASE("a bad labelled row is named with what was found and expected", "[unit]") {
  const TempDir dir;
  const std::string good = "{\"messages\":" + kTurns + ",\"a\":1}\n";
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases{
      {"{\"messages\":" + kTurns + ",\"a\":\"four\"}", {"row 1", "\"a\"", "four", "a number"}},
      {"{\"messages\":" + kTurns + ",\"a\":[1]}", {"row 1", "\"a\"", "a list", "a number"}},
      {"{\"messages\":" + kTurns + ",\"a\":1e300}", {"row 1", "\"a\"", "finite"}},
      {R"({"messages":null,"a":1})", {"row 1", "messages", "null", "list of messages"}},
      {R"({"a":1})", {"row 1", "messages", "null"}},
      {R"({"messages":[],"a":1})", {"row 1", "messages", "empty list"}},
      {R"({"messages":"hello","a":1})", {"row 1", "messages", "hello"}},
      {R"({"messages":{"role":"user"},"a":1})", {"row 1", "messages", "an object"}},
      {R"({"messages":[3],"a":1})", {"row 1", "message 0", "number"}},
      {R"({"messages":[{"role":"user","content":"q"},{"content":"a"}],"a":1})",
       {"row 1", "message 1", "\"role\""}},
      {R"({"messages":[{"role":"user","content":5}],"a":1})", {"row 1", "content", "a number"}},
      {R"({"messages":[{"role":"user","content":{"type":"text"}}],"a":1})",
       {"row 1", "content", "an object"}},
      {R"({"messages":[{"role":"user","tool_calls":[{"x":1,"x":2}]}],"a":1})",
       {"row 1", "message 0", "tool_calls", "\"x\""}},
      {R"({"messages":[{"role":1,"content":"q"}],"a":1})", {"row 1", "role", "number"}},
      {R"([1])", {"line 2", "a list", "an object"}},
      {R"({"messages":)", {"line 2", "not valid JSON"}},
      {"{\"messages\":\"\xff\"}", {"line 2", "not valid JSON"}},
      {"{\"a\":" + std::string(100000, '[') + "}", {"line 2", "nested deeper"}},
  };
  for (const auto& [row, parts] : cases) {
    CAPTURE(row.substr(0, 200));
    put(dir / "x.jsonl", good + row + "\n");
    // A row that is not wanted is not even parsed.
    if (row[0] == '{' && row.back() == '}' && row.find("[[") == std::string::npos &&
        row.find('\xff') == std::string::npos)
      CHECK(labelled_rows(open_dataset(dir / "x.jsonl"), {"a"}, {true, false}).size() == 1);
    const std::string message = refusal([&] { labelled_rows(open_dataset(dir / "x.jsonl"), {"a"}); });
    for (const std::string& part : parts) CHECK_THAT(message, Contains(part));
  }
}

TEST_CASE("missing columns are listed beside those that exist", "[unit]") {
  const TempDir dir;
  put(dir / "x.jsonl", "{\"messages\":" + kTurns + ",\"quality\":1,\"chosen\":" + kTurns + "}\n");
  const auto dataset = open_dataset(dir / "x.jsonl");
  for (const auto& message : {refusal([&] {
                                labelled_rows(dataset, {"quality", "honesty"});
                              }),
                              refusal([&] { dataset.read_strings("honesty"); })}) {
    CHECK_THAT(message,
               Contains("\"honesty\"") && Contains("messages, quality, chosen") && Contains("`columns`"));
  }
  CHECK_THAT(refusal([&] { preference_rows(dataset); }), Contains("\"rejected\""));
  // A row or a file may lack a label that others have.
  fs::create_directory(dir / "x.set");
  put(dir.path() / "x.set/a.jsonl", "{\"messages\":" + kTurns + ",\"a\":1}\n{\"messages\":" + kTurns + "}\n");
  CHECK(labelled_rows(open_dataset(dir / "x.set"), {"a"}).size() == 2);
  put(dir.path() / "x.set/b.jsonl", "{\"messages\":" + kTurns + "}\n");
  const auto rows = labelled_rows(open_dataset(dir / "x.set"), {"a"});
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].labels[0] == 1.0F);
  CHECK(std::isnan(rows[2].labels[0]));
  CHECK_THAT(refusal([&] { labelled_rows(open_dataset(dir / "x.set"), {"honesty"}); }),
             Contains("\"honesty\""));
  put(dir.path() / "x.set/b.jsonl", "{\"a\":1}\n");
  CHECK_THAT(refusal([&] { labelled_rows(open_dataset(dir / "x.set"), {"a"}); }), Contains("b.jsonl"));
}

TEST_CASE("rows of public forms that renaming could not fix are read", "[unit]") {
  const TempDir dir;
  const auto rows = [&](const std::string& row) {
    put(dir / "x.jsonl", row + "\n");
    return preference_rows(open_dataset(dir / "x.jsonl"));
  };
  const auto pku = rows(R"({"prompt":"q","response_0":"a","response_1":"b","better_response_id":1})");
  CHECK(pku.at(0).answers.at(pku[0].pairs.at(0).chosen).back().content == "b");
  CHECK(rows(R"({"prompt":"\n\nHuman: q","answers":[{"answer":"a","rank":1}],"turns":1,"num_responses":7})")
            .at(0)
            .pairs.empty());
  const auto hh =
      rows(R"({"chosen":"\n\nHuman: q\n\nAssistant: a","rejected":"\n\nHuman: q\n\nAssistant: b"})");
  CHECK(hh.at(0).answers ==
        std::vector<Conversation>{{{"user", "q"}, {"assistant", "a"}}, {{"user", "q"}, {"assistant", "b"}}});
  put(dir / "x.jsonl", R"({"prompt":"q","response":"a","helpfulness":4,"correctness":3})");
  const auto rated = labelled_rows(open_dataset(dir / "x.jsonl"), {"helpfulness"});
  CHECK(rated.at(0).messages == Conversation{{"user", "q"}, {"assistant", "a"}});
  CHECK(rated[0].labels == std::vector<float>{4.0F});
}

TEST_CASE("for rows of no form the error says what to do", "[unit]") {
  const TempDir dir;
  const auto message = [&](const std::string& row) {
    put(dir / "x.jsonl", row + "\n");
    return refusal([&] { preference_rows(open_dataset(dir / "x.jsonl")); });
  };
  CHECK_THAT(message(R"({"prompt":"q","response_0":"a","response_1":"b"})"),
             Contains("response_0, response_1") && Contains("`columns`") && Contains("`form`"));
  // One transcript among other texts.
  CHECK_THAT(message("{\"prompt\":\"q\",\"chosen\":\"a\",\"rejected\":\"b\"}\n"
                     R"({"prompt":"q","chosen":"\n\nHuman: q\n\nAssistant: a","rejected":"b"})"),
             Contains("transcript") && Contains("list of messages"));
  CHECK_THAT(message("{\n \"chosen\": 1\n}"), Contains("line 1") && Contains("several lines"));
  CHECK_THAT(message("{\"chosen\": [\n1]\n}"), Contains("line 1") && Contains("several lines"));
  CHECK_THAT(message("{\"chosen\": \"{,"), Contains("line 1") && !Contains("several lines"));
}

TEST_CASE("pairs as text need the text of a prompt", "[unit]") {
  const TempDir dir;
  put(dir / "x.jsonl", R"({"question":"q","chosen":"c","rejected":"r"})");
  CHECK_THAT(refusal([&] { preference_rows(open_dataset(dir / "x.jsonl")); }),
             Contains("\"prompt\"") && Contains("implicit_prompt"));
  const auto rows = preference_rows(open_dataset(dir / "x.jsonl", "train", {{"prompt", "question"}}));
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].chosen == Conversation{{"user", "q"}, {"assistant", "c"}});
  CHECK(rows[0].rejected == Conversation{{"user", "q"}, {"assistant", "r"}});
  put(dir / "x.jsonl", R"({"prompt":null,"chosen":"c","rejected":"r"})");
  CHECK_THAT(refusal([&] { preference_rows(open_dataset(dir / "x.jsonl")); }),
             Contains("row 0") && Contains("\"prompt\"") && Contains("null"));
  for (const std::string prompt : {"[]", "[\"q\"]", "{\"role\":\"user\"}", "7"}) {
    CAPTURE(prompt);
    put(dir / "x.jsonl", "{\"prompt\":" + prompt + R"(,"chosen":"c","rejected":"r"})");
    CHECK_THAT(
        refusal([&] { preference_rows(open_dataset(dir / "x.jsonl")); }),
        Contains("row 0") && Contains("\"prompt\"") && Contains("expected text or a list of messages"));
  }
}

TEST_CASE("the messages of a prompt come first unless a side starts with them", "[unit]") {
  const TempDir dir;
  const std::string system = R"({"role":"system","content":"s"})", user = R"({"role":"user","content":"q"})";
  const std::string c = R"({"role":"assistant","content":"c"})", r = R"({"role":"assistant","content":"r"})";
  const std::string more = R"({"role":"user","content":"q2"},{"role":"assistant","content":"c2"})";
  const Conversation pair[] = {{{"user", "q"}, {"assistant", "c"}}, {{"user", "q"}, {"assistant", "r"}}};
  const Conversation longer[] = {{{"system", "s"}, {"user", "q"}, {"assistant", "c"}},
                                 {{"system", "s"}, {"user", "q"}, {"assistant", "r"}}};
  struct Case {
    std::string prompt, chosen, rejected;
    Conversation expected[2];
  };
  const std::vector<Case> cases{
      // The form that TRL recommends.
      {"[" + user + "]", "[" + c + "]", "[" + r + "]", {pair[0], pair[1]}},
      {"[" + system + "," + user + "]", "[" + c + "]", "[" + r + "]", {longer[0], longer[1]}},
      {"\"q\"", "[" + c + "]", "[" + r + "]", {pair[0], pair[1]}},
      {"[" + system + "," + user + "]", "\"c\"", "\"r\"", {longer[0], longer[1]}},
      // Answers of several turns.
      {"\"q\"",
       "[" + c + "," + more + "]",
       "[" + r + "]",
       {{{"user", "q"}, {"assistant", "c"}, {"user", "q2"}, {"assistant", "c2"}}, pair[1]}},
      // Sides that start with the prompt, or one of them.
      {"\"q\"", "[" + user + "," + c + "]", "[" + user + "," + r + "]", {pair[0], pair[1]}},
      {"[" + user + "]", "[" + user + "," + c + "]", "[" + r + "]", {pair[0], pair[1]}},
      {"[" + system + "," + user + "]",
       "[" + system + "," + user + "," + c + "]",
       "\"r\"",
       {longer[0], longer[1]}},
      // A transcript, as of Dahoas/full-hh-rlhf.
      {R"("\n\nHuman: q\n\nAssistant:")", "\" c\"", "\" r\"", {pair[0], pair[1]}},
      {R"("\n\nHuman: q\n\nAssistant: c\n\nHuman: q2")",
       "\"c2\"",
       "[" + r + "]",
       {{{"user", "q"}, {"assistant", "c"}, {"user", "q2"}, {"assistant", "c2"}},
        {{"user", "q"}, {"assistant", "c"}, {"user", "q2"}, {"assistant", "r"}}}},
      // A side whose system message precedes the prompt.
      {"\"q\"",
       "[" + system + "," + user + "," + c + "]",
       "[" + system + "," + user + "," + r + "]",
       {longer[0], longer[1]}},
      // Only a part of the prompt is no start with it.
      {"[" + system + "," + user + "]",
       "[" + system + "," + c + "]",
       "[" + r + "]",
       {{{"system", "s"}, {"user", "q"}, {"system", "s"}, {"assistant", "c"}}, longer[1]}},
      // The sides leave the system message to the prompt.
      {"[" + system + "," + user + "]", "[" + user + "," + c + "]", "[" + r + "]", {longer[0], longer[1]}},
      {"null", "[" + user + "," + c + "]", "[" + user + "," + r + "]", {pair[0], pair[1]}},
      {"[]", "[" + user + "," + c + "]", "[" + user + "," + r + "]", {pair[0], pair[1]}},
  };
  for (const Case& k : cases) {
    CAPTURE(k.prompt, k.chosen, k.rejected);
    put(dir / "x.jsonl", "{\"prompt\":" + k.prompt + ",\"chosen\":" + k.chosen +
                             ",\"rejected\":" + k.rejected + ",\"subset\":\"s\"}");
    const auto rows = preference_rows(open_dataset(dir / "x.jsonl"));
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].chosen == k.expected[0]);
    CHECK(rows[0].rejected == k.expected[1]);
    CHECK(rows[0].subset == "s");
  }
  put(dir / "x.jsonl", "{\"prompt\":[" + system + "," + user + R"(],"chosen":["c","d"],"rejected":["r"]})");
  const auto several = preference_rows(open_dataset(dir / "x.jsonl"));
  CHECK(several.at(0).all_chosen.at(0) == longer[0]);
  CHECK(several.at(0).all_rejected.at(0) == longer[1]);
}

TEST_CASE("a prompt before messages that begin with another one is refused", "[unit]") {
  const TempDir dir;
  const auto message = [&](const std::string& prompt, const std::string& first) {
    const auto side = [&](const std::string& answer) {
      return "[" + first + R"({"role":"user","content":"theirs"},{"role":"assistant","content":")" + answer +
             "\"}]";
    };
    put(dir / "x.jsonl",
        "{\"prompt\":" + prompt + ",\"chosen\":" + side("c") + ",\"rejected\":" + side("r") + "}");
    return refusal([&] { preference_rows(open_dataset(dir / "x.jsonl")); });
  };
  const std::string system = R"({"role":"system","content":"s"},)";
  for (const std::string& first : {std::string(), system})
    for (const std::string prompt : {"\"ours\"", R"([{"role":"user","content":"ours"}])"}) {
      CAPTURE(first, prompt);
      CHECK_THAT(message(prompt, first), Contains("row 0") && Contains("\"chosen\"") &&
                                             Contains("\"theirs\"") && Contains("\"ours\"") &&
                                             Contains("remove that column"));
    }
  // Further turns after the prompt's answer.
  CHECK(message(R"([{"role":"user","content":"ours"},{"role":"assistant","content":"a"}])", "") ==
        "nothing was thrown");
}

TEST_CASE("messages keep what they hold besides role and content", "[unit]") {
  const TempDir dir;
  const std::string call =
      R"({"role":"assistant","content":null,"tool_calls":[{"f":{"x":1.0,"y":"\u00e9"}}]})";
  const std::string named = R"({"name":"n","role":"user","content":"q"})", bare = R"({"role":"assistant"})";
  put(dir / "x.jsonl",
      R"({"messages":[{"role":"user","content":"q"},)" + named + "," + call + "," + bare + "]}");
  const auto rows = labelled_rows(open_dataset(dir / "x.jsonl"), {});
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].messages ==
        Conversation{{"user", "q"}, {"user", "q", named}, {"assistant", "", call}, {"assistant", "", bare}});

  // Equal messages are equal in any order of their keys, and an absent key is like null.
  const auto pairs = [&](const std::string& name) {
    put(dir / "x.jsonl", R"({"prompt":[{"role":"user","content":"q","name":"n"}],"chosen":[)" + named + "," +
                             bare + R"(],"rejected":[{"role":"user","content":"q","name":")" + name + "\"}," +
                             call + "]}");
    return preference_rows(open_dataset(dir / "x.jsonl"));
  };
  const auto same = pairs("n");
  REQUIRE(same.size() == 1);
  CHECK(same[0].chosen.size() == 2);
  CHECK(same[0].rejected.size() == 2);
  CHECK_THAT(refusal([&] { pairs("m"); }), Contains("\"rejected\""));
}

TEST_CASE("a prompt that is in a row is read, whatever the form of the sides", "[unit]") {
  const TempDir dir;
  put(dir / "x.jsonl", "{\"prompt\":7,\"chosen\":" + kTurns + ",\"rejected\":" + kTurns + "}");
  CHECK_THAT(refusal([&] { preference_rows(open_dataset(dir / "x.jsonl")); }),
             Contains("\"prompt\"") && Contains("the number 7"));
  put(dir / "x.jsonl", "{\"chosen\":" + kTurns + ",\"rejected\":[]}");
  CHECK_THAT(refusal([&] { preference_rows(open_dataset(dir / "x.jsonl")); }),
             Contains("\"rejected\"") && Contains("empty list"));
  put(dir / "x.jsonl", "{\"chosen\":" + kTurns + ",\"rejected\":" + kTurns + ",\"subset\":3}");
  CHECK_THAT(refusal([&] { preference_rows(open_dataset(dir / "x.jsonl")); }), Contains("\"subset\""));
}

TEST_CASE("Parquet has prompts of both forms", "[unit]") {
  const TempDir dir;
  const Conversation user{{"user", "q"}}, c{{"assistant", "c"}}, r{{"assistant", "r"}};
  using Lists = std::vector<Conversation>;
  armorm::data::write_parquet(dir / "lists.parquet",
                              {{"prompt", Lists{user}}, {"chosen", Lists{c}}, {"rejected", Lists{r}}});
  armorm::data::write_parquet(
      dir / "text.parquet",
      {{"prompt", std::vector<std::string>{"q"}}, {"chosen", Lists{c}}, {"rejected", Lists{r}}});
  for (const char* name : {"lists.parquet", "text.parquet"}) {
    const auto rows = preference_rows(open_dataset(dir / name));
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].chosen == Conversation{{"user", "q"}, {"assistant", "c"}});
    CHECK(rows[0].rejected == Conversation{{"user", "q"}, {"assistant", "r"}});
  }
}

TEST_CASE("Parquet rows are held to the same rules", "[unit]") {
  const TempDir dir;
  const Conversation turns{
      {"system", "s"}, {"user", "q"}, {"assistant", "a"}, {"user", "q2"}, {"assistant", "a2"}};
  armorm::data::write_parquet(dir / "x.parquet",
                              {{"messages", std::vector<Conversation>{turns, {}, turns}},
                               {"a", std::vector<std::optional<double>>{0.5, std::nullopt, 2.0}},
                               {"text", std::vector<std::string>{"p", "q", "r"}},
                               {"id", std::vector<std::int64_t>{7, 8, 9}}});
  const auto dataset = open_dataset(dir / "x.parquet");
  CHECK(dataset.column_names() == std::vector<std::string>{"messages", "a", "text", "id"});
  const auto rows = labelled_rows(dataset, {"a", "id"}, {true, false, true});
  REQUIRE(rows.size() == 2);
  CHECK(rows[1].messages == turns);
  CHECK(rows[1].labels == std::vector<float>{2.0F, 9.0F});
  CHECK_THAT(refusal([&] { labelled_rows(dataset, {"a"}); }), Contains("row 1") && Contains("empty list"));
  CHECK_THAT(refusal([&] {
               labelled_rows(dataset, {"text"}, {false, false, true});
             }),
             Contains("row 2") && Contains("text (\"r\")") && Contains("a number"));
  CHECK_THAT(refusal([&] { labelled_rows(dataset, {"b"}); }), Contains("messages, a, text, id"));
  const auto wrong = open_dataset(dir / "x.parquet", "train", {{"messages", "id"}});
  CHECK_THAT(refusal([&] { labelled_rows(wrong, {}); }), Contains("row 0") && Contains("the number 7"));
  CHECK_THROWS_WITH(labelled_rows(dataset, {"a"}, {true, false}), Contains("2 rows of the selection"));
}

TEST_CASE("the Parquet writer refuses what is no table", "[unit]") {
  const TempDir dir;
  CHECK_THROWS_AS(armorm::data::write_parquet(dir / "x.parquet", {}), armorm::Error);
  CHECK_THROWS_WITH(armorm::data::write_parquet(dir / "x.parquet", {{"a", std::vector<std::int64_t>{1}},
                                                                    {"b", std::vector<std::int64_t>{}}}),
                    Contains("\"b\"") && Contains("0 rows"));
}

TEST_CASE("an array of JSON objects", "[unit]") {
  const TempDir dir;
  const auto texts = [&](const std::string& text) {
    return open_dataset(put(dir / "x.json", text)).read_strings("f");
  };
  CHECK(texts(R"( [ {"f":"a]},\"[{"} , {"f":"b","g":[[1],{"h":"]"}]} ] )") ==
        std::vector<std::string>{"a]},\"[{", "b"});
  CHECK(texts("\n\n[{\"f\":\"a\"}]") == std::vector<std::string>{"a"});
  CHECK(open_dataset(put(dir / "x.json", "[ ]")).num_rows() == 0);
  const std::vector<std::pair<std::string, std::string>> cases{
      {R"([{"f":"a"})", "truncated"},       {R"([{"f":"a"},)", "truncated"},
      {R"([{"f":"a"},])", "after a comma"}, {R"([,{"f":"a"}])", "before a comma"},
      {R"([{"f":"a"}] x)", "after"},        {R"([{"f":"a"} {"f":"b"}])", "not valid"},
      {R"([1])", "expected an object"},     {R"([{"f":"a)", "truncated"},
  };
  for (const auto& [text, reason] : cases) {
    CAPTURE(text);
    const std::string json = text;
    CHECK_THAT(refusal([&] { texts(json); }), Contains(reason));
  }
}

TEST_CASE("CSV fields", "[unit]") {
  const TempDir dir;
  const auto open = [&](const std::string& text) { return open_dataset(put(dir / "x.csv", text)); };
  const auto dataset = open(
      "\xef\xbb\xbf"
      "a,\"b,c\"\r\n1,\"x\"\"y\nz\"\r\n\r\n2,\n,None");
  CHECK(dataset.column_names() == std::vector<std::string>{"a", "b,c"});
  CHECK(dataset.num_rows() == 3);
  CHECK(dataset.read_strings("b,c") == std::vector<std::string>{"x\"y\nz", "", "None"});
  CHECK(dataset.read_strings("a") == std::vector<std::string>{"1", "2", ""});
  CHECK_THAT(refusal([&] { open("a,b\n1,2,3\n").read_strings("a"); }),
             Contains("line 2") && Contains("3 fields"));
  CHECK_THAT(refusal([&] { open("a,b\n1,\"2\n").read_strings("a"); }), Contains("quoted field"));
  CHECK_THAT(refusal([&] { open("a\n\"\xff\"\n").read_strings("a"); }), Contains("UTF-8"));
}

TEST_CASE("a source that nobody asked for is not looked at", "[unit]") {
  const TempDir dir;
  put(dir / "x.jsonl", "{\"chosen\":" + kTurns + ",\"rejected\":" + kTurns + ",\"source\":3}\n");
  const auto dataset = open_dataset(dir / "x.jsonl");
  CHECK(preference_rows(dataset).size() == 1);
  CHECK_THAT(refusal([&] { dataset.read_strings("source"); }), Contains("the number 3"));
}

TEST_CASE("a file may lack an optional column that others have", "[unit]") {
  const TempDir dir;
  for (const std::string form : {"jsonl", "parquet"}) {
    CAPTURE(form);
    const fs::path set = dir / ("x." + form);
    fs::create_directory(set);
    using Texts = std::vector<std::string>;
    if (form == "jsonl") {
      put(set / "a.jsonl", "{\"chosen\":" + kTurns + ",\"rejected\":" + kTurns + "}\n");
      put(set / "b.jsonl", R"({"prompt":"q","chosen":"c","rejected":"r","subset":"s"})");
      put(set / "c.jsonl", "{\"chosen\":" + kTurns + ",\"rejected\":" + kTurns + "}\n");
    } else {
      const std::vector<Conversation> turns{Conversation{{"user", "q"}, {"assistant", "a"}}};
      armorm::data::write_parquet(set / "a.parquet", {{"chosen", turns}, {"rejected", turns}});
      armorm::data::write_parquet(
          set / "b.parquet",
          {{"subset", Texts{"s"}}, {"rejected", Texts{"r"}}, {"prompt", Texts{"q"}}, {"chosen", Texts{"c"}}});
      armorm::data::write_parquet(set / "c.parquet", {{"chosen", turns}, {"rejected", turns}});
    }
    const auto rows = preference_rows(open_dataset(set));
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].subset.empty());
    CHECK(rows[1].subset == "s");
    CHECK(rows[1].chosen == Conversation{{"user", "q"}, {"assistant", "c"}});
    CHECK(rows[2].subset.empty());
  }
  // The reverse: text in a file without a prompt.
  put(dir / "x.jsonl/c.jsonl", R"({"chosen":"c","rejected":"r"})");
  CHECK_THAT(refusal([&] { preference_rows(open_dataset(dir / "x.jsonl")); }),
             Contains("c.jsonl") && Contains("no column \"prompt\""));
}

TEST_CASE("a label that first appears after many rows is a column all the same", "[unit]") {
  const TempDir dir;
  std::string text;
  for (int i = 0; i < 1500; ++i) text += "{\"messages\":" + kTurns + ",\"a\":1}\n";
  put(dir / "x.jsonl", text + "{\"messages\":" + kTurns + ",\"late\":2,\"subset\":\"s\"}\n");
  const auto rows = labelled_rows(open_dataset(dir / "x.jsonl"), {"late", "a"});
  REQUIRE(rows.size() == 1501);
  CHECK(std::isnan(rows[0].labels[0]));
  CHECK(rows[1500].labels[0] == 2.0F);
  CHECK_THAT(refusal([&] { labelled_rows(open_dataset(dir / "x.jsonl"), {"never"}); }),
             Contains("\"never\"") && Contains("late"));
}

TEST_CASE("the order of a message's role and content is kept", "[golden]") {
  const TempDir dir;
  put(dir / "x.jsonl", R"({"messages":[{"content":"q","role":"user"},{"role":"assistant","content":"a"}]})");
  const auto rows = labelled_rows(open_dataset(dir / "x.jsonl"), {});
  CHECK(rows.at(0).messages.at(0).content_first);
  CHECK_FALSE(rows.at(0).messages.at(1).content_first);
  CHECK(rows.at(0).messages.at(0).json.empty());
  const auto read = labelled_rows(open_dataset(armorm::test::golden("data/formats/snappy.parquet")), {});
  CHECK(read.at(0).messages.at(0).content_first);
}
