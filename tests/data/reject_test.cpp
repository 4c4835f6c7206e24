// A row that cannot be read does not hide the others, in any format.
#include <fstream>
#include <map>

#include "core/error.h"
#include "data/parquet_writer.h"
#include "data/rows.h"
#include "support/error_of.h"

using namespace armorm;
using namespace armorm::data;
using namespace armorm::test;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

struct Outcome {
  std::vector<std::int64_t> read;
  std::map<std::int64_t, std::string> rejected;  // row -> "column: reason"
};

Outcome read_labelled(const Dataset& dataset, const std::vector<std::string>& attributes) {
  Outcome outcome;
  dataset.for_each_labelled(
      attributes, {}, [&](LabelledRow&& row) { outcome.read.push_back(row.row_id); },
      [&](std::int64_t row_id, const std::string& column, const std::string& reason) {
        outcome.rejected[row_id] = column + ": " + reason;
      });
  return outcome;
}

Outcome read_preference(const Dataset& dataset) {
  Outcome outcome;
  dataset.for_each_preference(
      {}, [&](PreferenceRow&& row) { outcome.read.push_back(row.row_id); },
      [&](std::int64_t row_id, const std::string& column, const std::string& reason) {
        outcome.rejected[row_id] = column + ": " + reason;
      });
  return outcome;
}

fs::path write(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

}  // namespace

TEST_CASE("rows of Parquet that cannot be read are rejected one by one", "[unit]") {
  const TempDir dir;
  const Conversation good{{"user", "q"}, {"assistant", "a"}};
  const Conversation not_utf8{{"user", "\xff\xfe"}};
  write_parquet(dir / "x.parquet",
                {{"messages", std::vector<Conversation>{good, {}, not_utf8, good}},
                 {"a", std::vector<std::optional<double>>{0.5, 0.5, 0.5, std::nullopt}}},
                2);
  const Outcome outcome = read_labelled(open_dataset(dir / "x.parquet"), {"a"});
  CHECK(outcome.read == std::vector<std::int64_t>{0, 3});
  REQUIRE(outcome.rejected.size() == 2);
  CHECK_THAT(outcome.rejected.at(1), Contains("messages: ") && Contains("row 1") && Contains("empty list"));
  CHECK_THAT(outcome.rejected.at(2), Contains("messages: ") && Contains("row 2") && Contains("UTF-8"));
  CHECK_THAT(error_of([&] { labelled_rows(open_dataset(dir / "x.parquet"), {"a"}); }, ErrorKind::data),
             Contains("row 1"));
}

TEST_CASE("rows of CSV that cannot be read are rejected one by one", "[unit]") {
  const TempDir dir;
  const fs::path file =
      write(dir / "x.csv", "prompt,chosen,rejected,subset\np,c,r,s\np,c,r,s,too many\np,c,\np,c,r,s\n");
  const Outcome outcome = read_preference(open_dataset(file));
  CHECK(outcome.read == std::vector<std::int64_t>{0, 3});
  REQUIRE(outcome.rejected.size() == 2);
  CHECK_THAT(outcome.rejected.at(1), Contains("line 3") && Contains("5 fields"));
  CHECK_THAT(outcome.rejected.at(2), Contains("rejected: ") && Contains("null"));
}

TEST_CASE("elements of a JSON array that cannot be read are rejected one by one", "[unit]") {
  const TempDir dir;
  const std::string good =
      R"({"chosen":[{"role":"user","content":"q"}],"rejected":[{"role":"user","content":"q"}],"subset":"s"})";
  const fs::path file =
      write(dir / "x.json", "[" + good + R"(, {"chosen":tru}, 7, )" + good +
                                R"(, {"chosen":[{"role":"user","content":"q"}],"rejected":[],"subset":4}])");
  const Dataset dataset = open_dataset(file);
  const Outcome outcome = read_preference(dataset);
  CHECK(outcome.read == std::vector<std::int64_t>{0, 3});
  REQUIRE(outcome.rejected.size() == 3);
  CHECK_THAT(outcome.rejected.at(1), Contains("element 1"));
  CHECK_THAT(outcome.rejected.at(2), Contains("element 2") && Contains("expected an object"));
  CHECK_THAT(outcome.rejected.at(4), Contains("rejected: ") && Contains("empty list"));
  std::size_t without = 0;
  const auto subsets = dataset.read_strings(
      "subset", [&](std::int64_t, const std::string&, const std::string&) { ++without; });
  CHECK(subsets == std::vector<std::string>{"s", "", "", "s", ""});
  CHECK(without == 3);
  CHECK_THAT(error_of([&] { dataset.read_strings("subset"); }, ErrorKind::data), Contains("element 1"));
}

TEST_CASE("a damaged file is an error even where rows may be rejected", "[unit]") {
  const TempDir dir;
  const fs::path file = write(dir / "x.json", R"([{"messages":[{"role":"user","content":"q"}]}, {"mess)");
  CHECK_THAT(error_of([&] { read_labelled(open_dataset(file), {}); }, ErrorKind::data),
             Contains("truncated"));
  CHECK_THAT(error_of([&] { open_dataset(write(dir / "y.jsonl", "7\n[]\n")); }, ErrorKind::data),
             Contains("expected an object"));
}

TEST_CASE("best-of-n rows are rejected for a side that is no list of texts, in JSON and in Parquet",
          "[unit]") {
  const TempDir dir;
  const Outcome outcome = read_preference(
      open_dataset(write(dir / "x.jsonl", R"({"prompt":"q","chosen":["a","b"],"rejected":["c"],"id":"ref:1"})"
                                          "\n"
                                          R"({"prompt":"q","chosen":["a",3],"rejected":["c"]})"
                                          "\n"
                                          R"({"prompt":"q","chosen":["a"],"rejected":"c"})"
                                          "\n"
                                          R"({"prompt":"q","chosen":["a"],"rejected":[]})"
                                          "\n"
                                          R"({"prompt":null,"chosen":["a"],"rejected":["c"]})"
                                          "\n"
                                          R"({"prompt":"q","chosen":["a"],"rejected":["c"],"id":5})"
                                          "\n"
                                          R"({"prompt":"q","chosen":"a","rejected":"b","id":5})"
                                          "\n")));
  CHECK(outcome.read == std::vector<std::int64_t>{0, 6});  // a pair's id is not read
  REQUIRE(outcome.rejected.size() == 5);
  CHECK_THAT(outcome.rejected.at(1), Contains("chosen: ") && Contains("item 1") && Contains("number"));
  CHECK_THAT(outcome.rejected.at(2), Contains("rejected: ") && Contains("expected a list of texts"));
  CHECK_THAT(outcome.rejected.at(3),
             Contains("rejected: ") && Contains("an empty list") && Contains("expected a list of texts"));
  CHECK_THAT(outcome.rejected.at(4), Contains("prompt") && Contains("null"));
  CHECK_THAT(outcome.rejected.at(5), Contains("id: ") && Contains("the number 5"));

  using Texts = std::vector<std::vector<std::string>>;
  write_parquet(dir / "x.parquet", {{"prompt", std::vector<std::string>{"q", "q", "q"}},
                                    {"chosen", Texts{{"a"}, {"a", "\xff"}, {}}},
                                    {"rejected", Texts{{"b", "c"}, {"b"}, {"b"}}}});
  const Outcome columns = read_preference(open_dataset(dir / "x.parquet"));
  CHECK(columns.read == std::vector<std::int64_t>{0});
  CHECK_THAT(columns.rejected.at(1), Contains("chosen: ") && Contains("UTF-8"));
  CHECK_THAT(columns.rejected.at(2), Contains("chosen: ") && Contains("expected a list of texts"));
}

TEST_CASE("a key that comes twice in a row or in a message of JSON is refused", "[unit]") {
  const TempDir dir;
  const std::string turns = R"([{"role":"user","content":"q"}])";
  const std::string other = R"("other":{"x":1,"x":2})";  // not read
  const fs::path file =
      write(dir / "x.jsonl", R"({"messages":)" + turns + R"(,"a":1,)" + other + "}\n" +  //
                                 R"({"messages":)" + turns + R"(,"a":1,"a":1})" + "\n" +
                                 R"({"messages":[{"role":"user","content":"q","role":"user"}],"a":1})" +
                                 "\n" + R"({"messages":[{"role":"user","content":"q","n":1},)" +
                                 R"({"role":"assistant","content":"a","n":1,"\u006e":2}],"a":1})" + "\n" +
                                 R"({"messages":)" + turns + R"(,"unread":1,"a":1,"unread":2})" + "\n" +
                                 R"({"messages":)" + turns + R"(,"a":1})" + "\n");
  const Outcome outcome = read_labelled(open_dataset(file), {"a"});
  CHECK(outcome.read == std::vector<std::int64_t>{0, 5});
  REQUIRE(outcome.rejected.size() == 4);
  CHECK_THAT(outcome.rejected.at(1), Contains("x.jsonl: row 1: the key \"a\" appears twice"));
  CHECK_THAT(outcome.rejected.at(2),
             Contains("row 2: column \"messages\": message 0: the key \"role\" appears twice"));
  CHECK_THAT(outcome.rejected.at(3),
             Contains("row 3: column \"messages\": message 1: the key \"n\" appears twice"));
  CHECK_THAT(outcome.rejected.at(4), Contains("row 4: the key \"unread\" appears twice"));
  CHECK_THAT(error_of([&] { labelled_rows(open_dataset(file), {"a"}); }, ErrorKind::data),
             Contains("row 1") && Contains("\"a\""));
}

TEST_CASE("a record of more than 256 MiB is one bad row of a text file", "[unit]") {
  const std::string row = R"({"messages":[{"role":"user","content":"q"}],"a":1})";
  const auto with_long = [](const fs::path& path, const std::string& before, const std::string& after) {
    std::ofstream out(path, std::ios::binary);
    out << before;
    const std::string block(std::size_t{1} << 20, 'x');
    for (int i = 0; i < 257; ++i) out << block;
    out << after;
    return path;
  };
  const TempDir dir;
  const auto check = [](const fs::path& path, const std::string& place) {
    INFO(path);
    const Dataset dataset = open_dataset(path);
    CHECK(dataset.num_rows() == 3);
    const Outcome outcome = read_labelled(dataset, {"a"});
    CHECK(outcome.read == std::vector<std::int64_t>{0, 2});
    REQUIRE(outcome.rejected.size() == 1);
    CHECK_THAT(outcome.rejected.at(1), Contains(path.string() + place) && Contains("longer than"));
    CHECK_THAT(error_of([&] { dataset.for_each_labelled({"a"}, {}, [](LabelledRow&&) {}); }, ErrorKind::data),
               Contains(path.string() + place));
  };
  check(with_long(dir / "x.jsonl", row + "\n{\"a\":\"", "\"}\n" + row + "\n"), ": line 2");
  fs::remove(dir / "x.jsonl");
  check(with_long(dir / "x.json", "[" + row + ",{\"a\":\"", "\"}," + row + "]"), ": element 1");
}

TEST_CASE("a record of more than 256 MiB is one bad row of CSV", "[unit]") {
  const TempDir dir;
  {
    std::ofstream out(dir / "x.csv", std::ios::binary);
    out << "chosen,rejected,prompt\na,b,p\n\"";
    const std::string block(std::size_t{1} << 20, 'x');
    for (int i = 0; i < 257; ++i) out << block;
    out << "\n\",b,p\nc,d,p\n";
  }
  const Dataset dataset = open_dataset(dir / "x.csv");
  CHECK(dataset.num_rows() == 3);
  const Outcome outcome = read_preference(dataset);
  CHECK(outcome.read == std::vector<std::int64_t>{0, 2});
  REQUIRE(outcome.rejected.size() == 1);
  CHECK_THAT(outcome.rejected.at(1), Contains("line 3: record longer than"));
}
