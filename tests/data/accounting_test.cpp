// Nothing that a data set holds is passed over in silence: what is not used is refused, or named in a
// warning.
#include <filesystem>
#include <utility>

#include "core/error.h"
#include "data/rows.h"
#include "io/publish.h"
#include "support/error_of.h"
#include "support/log_capture.h"

using namespace armorm;
using namespace armorm::data;
using namespace armorm::test;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

const std::string kMessages = R"("messages":[{"role":"user","content":"q"}])";

void put(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  io::publish_text(path, text);
}

std::string card(const std::string& config) {
  return "---\nconfigs:\n- config_name: default\n" + config + "---\n";
}

// What is logged while `call` runs.
template <class Call>
std::vector<std::string> log_of(Call call) {
  std::vector<std::string> lines;
  const LogCapture capture(lines);
  call();
  return lines;
}

}  // namespace

TEST_CASE("columns that no row is made from are named once", "[unit]") {
  const TempDir dir;
  put(dir / "x.jsonl", "{" + kMessages + R"(,"a":1,"id":7,"tools":[]})" + "\n");
  put(dir / "x.json", "[{" + kMessages + R"(,"a":1,"tools":[]}])");
  fs::copy_file(golden("data/formats/snappy.parquet"), dir / "x.parquet");
  fs::copy_file(golden("data/formats/stream.arrow"), dir / "x.arrow");
  for (const char* name : {"x.jsonl", "x.json"}) {
    const Dataset dataset = open_dataset(dir / name);
    const auto lines = log_of([&] {
      labelled_rows(dataset, {"a"});
      labelled_rows(dataset, {"a"});
    });
    CAPTURE(name);
    REQUIRE(lines.size() == 1);
    CHECK_THAT(lines[0], Contains(name) && Contains("column 'tools'") && Contains("no row is made from it"));
  }
  for (const char* name : {"x.parquet", "x.arrow"}) {
    const Dataset dataset = open_dataset(dir / name);
    const auto names = dataset.column_names();
    const auto lines = log_of([&] { labelled_rows(dataset, {}); });
    CAPTURE(name, names);
    REQUIRE(lines.size() == 1);
    for (const std::string& column : names)
      if (column != "messages") CHECK_THAT(lines[0], Contains("'" + column + "'"));
  }
  put(dir / "x.csv", "prompt,chosen,rejected,tone\nq,c,r,be kind\n");
  const auto lines = log_of([&] { preference_rows(open_dataset(dir / "x.csv")); });
  REQUIRE(lines.size() == 1);
  CHECK_THAT(lines[0], Contains("'tone'"));
}

TEST_CASE("keys that first appear after many rows are named and counted", "[unit]") {
  const TempDir dir;
  std::string rows;
  for (int i = 0; i < 1500; ++i) rows += "{" + kMessages + (i < 1200 ? "}\n" : ",\"late\":1}\n");
  put(dir / "x.jsonl", rows);
  const auto lines = log_of([&] { labelled_rows(open_dataset(dir / "x.jsonl"), {}); });
  REQUIRE(lines.size() == 1);
  CHECK_THAT(lines[0], Contains("'late' (300 times)"));
}

TEST_CASE("a rename of no column is refused", "[unit]") {
  const TempDir dir;
  put(dir / "x.jsonl", R"({"prompt":"q","chosen":"c","rejected":"r"})");
  const auto rename = [&](const std::string& ours) {
    return open_dataset(dir / "x.jsonl", "train", {{ours, "question"}});
  };
  CHECK_THAT(error_of([&] { preference_rows(rename("promt")); }, ErrorKind::usage),
             Contains("\"promt\"") && Contains("prompt, rejected"));
  CHECK_THAT(error_of([&] { labelled_rows(rename("chosen"), {}); }, ErrorKind::usage),
             Contains("\"chosen\""));
  CHECK(preference_rows(open_dataset(dir / "x.jsonl", "train", {{"source", "origin"}})).size() == 1);
}

TEST_CASE("keys of a card that change the rows are refused by name", "[unit]") {
  const TempDir dir;
  put(dir / "a.csv", "f;g\n1;2\n");
  const std::vector<std::pair<std::string, std::string>> refused{
      {"sep: \";\"", "'sep'"},
      {"delimiter: \"\\t\"", "'delimiter'"},
      {"header: null", "'header'"},
      {"quotechar: null", "'quotechar'"},
      {"column_names: [x, y]", "'column_names'"},
      {"field: data", "'field'"},
      {"skiprows: 1", "'skiprows'"},
      {"encoding: latin-1", "'encoding'"},
      {"features: [{name: f, dtype: float16}]", "'features'"},
      {"columns: [f]", "'columns'"},
      {"data_files: a.csv", "\"data_files\" is there twice"},
      {"<<: {data_dir: b}", "'<<'"}};
  for (const auto& [key, reason] : refused) {
    put(dir / "README.md", card("  data_files: a.csv\n  " + key + "\n"));
    CAPTURE(key);
    CHECK_THAT(error_of([&] { open_dataset(dir.path()); }, ErrorKind::data),
               Contains("README.md") && Contains(reason));
  }
  for (const std::string key :
       {"sep: \",\"", "header: infer", "names: null", "delimiter: null", "version: 1.0.0", "default: true"}) {
    put(dir / "README.md", card("  data_files: a.csv\n  " + key + "\n"));
    CAPTURE(key);
    CHECK(log_of([&] { open_dataset(dir.path()); }).empty());
  }
  put(dir / "README.md", card("  data_files: [{split: train, path: a.csv, sep: x}]\n"));
  CHECK_THROWS_WITH(open_dataset(dir.path()), Contains("no other key"));
  // Of another config it does not matter.
  put(dir / "README.md", card("  data_files: a.csv\n- config_name: b\n  sep: x\n  data_files: a.csv\n"));
  CHECK(open_dataset(dir.path()).num_rows() == 1);
}

TEST_CASE("other keys of a card are named", "[unit]") {
  const TempDir dir;
  put(dir / "a.jsonl", R"({"f":1})");
  put(dir / "README.md",
      "---\nlicense: mit\ndata_files: a.jsonl\nextra_gated_prompt: x\nconfigs:\n- config_name: default\n"
      "  data_files: a.jsonl\n  colour: red\n---\n");
  const auto lines = log_of([&] { open_dataset(dir.path()); });
  REQUIRE(lines.size() == 2);
  CHECK_THAT(lines[0], Contains("README.md: key 'data_files'"));
  CHECK_THAT(lines[1], Contains("config \"default\": key 'colour'"));
  put(dir / "README.md", "---\nlicense: mit\nlicense: apache\n---\n");
  CHECK_THROWS_WITH(open_dataset(dir.path()), Contains("\"license\" is there twice"));
}

TEST_CASE("what differs from the columns and rows that a card declares is named", "[unit]") {
  const TempDir dir;
  put(dir / "a.jsonl", R"({"messages":[{"role":"user","content":"q"}],"f":1.0001,"t":"x"})");
  const std::string features = "{name: messages}, {name: f, dtype: float16}, {name: t, dtype: int64}";
  const std::string splits = "splits: [{name: train, num_examples: 3}]";
  const std::string info = "features: [" + features + ", {name: h, dtype: string}]\n  " + splits + "\n";
  const auto read = [&] {
    const auto set = open_dataset(dir.path());
    set.for_each_labelled({"f"}, {}, [](auto&&) {});
    set.read_strings("t");
  };
  for (const std::string& text : {"dataset_info:\n  " + info, "dataset_info:\n- " + info}) {
    put(dir / "README.md", "---\n" + text + "---\n");
    const auto lines = log_of(read);
    CAPTURE(text, lines);
    REQUIRE(lines.size() == 5);  // and that of the column t, of which no row is made
    CHECK_THAT(lines[0], Contains("column 't'"));
    CHECK_THAT(lines[1], Contains("dataset_info: column 'h'") && Contains("no file"));
    CHECK_THAT(lines[2], Contains("column 'f' has the type float16"));
    CHECK_THAT(lines[3], Contains("\"train\" has 3 rows there, and 1"));
    CHECK_THAT(lines[4], Contains("column 't' has the type int64"));
  }
  put(dir / "README.md", "---\ndataset_info: {config_name: other, features: []}\n---\n");
  CHECK(log_of(read).size() == 1);
  put(dir / "README.md", "---\ndataset_info: {features: [{name: messages}]}\n---\n");
  CHECK_THAT(log_of(read)[1], Contains("columns 'f', 't'") && Contains("refuses"));
}

TEST_CASE("values of a card's config have the types that datasets expects", "[unit]") {
  const TempDir dir;
  put(dir / "a.jsonl", R"({"f":1})");
  for (const char* value : {"[a]", "false", "'**'", "''"}) {
    put(dir / "README.md", card(std::string("  data_files: a.jsonl\n  data_dir: ") + value + "\n"));
    CHECK_THROWS_WITH(open_dataset(dir.path()), Contains("data_dir: expected"));
  }
  put(dir / "README.md", card("  data_files: a.jsonl\n  default: a.jsonl\n"));
  CHECK_THROWS_WITH(open_dataset(dir.path()), Contains("default of"));
  put(dir / "README.md", "---\n{\"pretty_name\": \"\\ud83d\\ude00\"}\n---\n");
  CHECK_NOTHROW(open_dataset(dir.path()));
}

TEST_CASE("files whose extension is in upper case are named, not read", "[unit]") {
  const TempDir dir;
  put(dir / "a.jsonl", R"({"f":"a"})");
  put(dir / "B.JSONL", R"({"f":"b"})");
  const auto lines = log_of([&] { CHECK(open_dataset(dir.path()).read_strings("f").size() == 1); });
  REQUIRE(lines.size() == 1);
  CHECK_THAT(lines[0], Contains("B.JSONL"));
  CHECK(open_dataset(dir / "B.JSONL").read_strings("f").size() == 1);
}

TEST_CASE("configs that are there twice, or twice the default, are refused", "[unit]") {
  const TempDir dir;
  put(dir / "a.jsonl", R"({"f":1})");
  const std::string entry = "- config_name: a\n  default: true\n  data_files: a.jsonl\n";
  put(dir / "README.md", "---\nconfigs:\n" + entry + entry + "---\n");
  CHECK_THROWS_WITH(open_dataset(dir.path()), Contains("\"a\" is there twice"));
  put(dir / "README.md", card("  data_files: a.jsonl\n" + entry));
  CHECK_THROWS_WITH(open_dataset(dir.path()),
                    Contains("more than one config is the default") && Contains("default, a"));
}

TEST_CASE("the file of YAML alone comes before the card", "[unit]") {
  const TempDir dir;
  put(dir / "a.jsonl", R"({"f":"a"})");
  put(dir / "b.jsonl", R"({"f":"b"})");
  put(dir / "README.md", card("  data_files: a.jsonl\n"));
  put(dir / ".huggingface.yaml", "configs:\n- config_name: default\n  data_files: b.jsonl\n");
  CHECK(open_dataset(dir.path()).read_strings("f") == std::vector<std::string>{"b"});
  put(dir / ".huggingface.yaml", "license: mit\n");
  CHECK(open_dataset(dir.path()).read_strings("f") == std::vector<std::string>{"a"});
}

TEST_CASE("files that two patterns match are named, and read once", "[unit]") {
  const TempDir dir;
  put(dir / "a.jsonl", R"({"f":"a"})");
  put(dir / "b.jsonl", R"({"f":"b"})");
  put(dir / "README.md", card("  data_files: [a.jsonl, \"*.jsonl\"]\n"));
  const auto lines = log_of([&] { CHECK(open_dataset(dir.path()).num_rows() == 2); });
  REQUIRE(lines.size() == 1);
  CHECK_THAT(lines[0], Contains("data_files") && Contains("read once: a.jsonl"));
}

TEST_CASE("files that no split holds are named", "[unit]") {
  const TempDir dir;
  put(dir / "set/train.jsonl", R"({"f":"a"})");
  put(dir / "set/test.jsonl", R"({"f":"a"})");
  put(dir / "set/more.jsonl", R"({"f":"b"})");
  put(dir / "set/README.md", "# Data\n");
  put(dir / "set/.git/config", "");
  put(dir / "outside/b.jsonl", R"({"f":"c"})");
  fs::create_directory_symlink(dir / "outside", dir / "set/linked");
  const auto lines = log_of([&] { open_dataset(dir / "set"); });
  REQUIRE(lines.size() == 1);
  CHECK_THAT(lines[0],
             Contains("files 'linked/', 'more.jsonl'") && !Contains("test.jsonl") && !Contains("README"));
  // Files of another config are accounted for.
  put(dir / "set/README.md",
      card("  data_files: more.jsonl\n- config_name: b\n  data_files: \"t*.jsonl\"\n"));
  fs::remove(dir / "set/linked");
  CHECK(log_of([&] { open_dataset(dir / "set"); }).empty());
}

TEST_CASE("all of a saved data set is accounted for", "[unit]") {
  const TempDir dir;
  fs::copy(golden("data/saved_dict"), dir / "set", fs::copy_options::recursive);
  CHECK(log_of([&] { open_dataset(dir / "set"); }).empty());
  put(dir / "set/train/data-00002-of-00002.arrow", "");
  put(dir / "set/old/x.arrow", "");
  put(dir / "set/dataset_dict.json", R"({"splits":["train","test"],"more":1})");
  auto lines = log_of([&] { open_dataset(dir / "set"); });
  REQUIRE(lines.size() == 3);
  CHECK_THAT(lines[0], Contains("key 'more'"));
  CHECK_THAT(lines[1], Contains("'old/x.arrow'"));
  CHECK_THAT(lines[2], Contains("'data-00002-of-00002.arrow'"));

  fs::copy(golden("data/saved_single"), dir / "one", fs::copy_options::recursive);
  const std::string files = R"({"_data_files":[{"filename":"data-00000-of-00001.arrow")";
  const auto with_state = [&](const std::string& rest) {
    put(dir / "one/state.json", files + rest + "}");
    return open_dataset(dir / "one");
  };
  CHECK_THROWS_WITH(with_state(R"(}],"_indices_data_files":[{"filename":"i.arrow"}])"),
                    Contains("_indices_data_files") && Contains("save it again"));
  CHECK_THROWS_WITH(with_state(R"(,"skip":2}])"), Contains("'skip'") && Contains("save it again"));
  lines = log_of([&] { with_state(R"(}],"_indices_data_files":null,"_new":1)"); });
  REQUIRE(lines.size() == 3);
  CHECK_THAT(lines[0], Contains("_split is missing"));
  CHECK_THAT(lines[1], Contains("_format_columns is missing"));
  CHECK_THAT(lines[2], Contains("key '_new'"));
  CHECK_THROWS_WITH(with_state(R"(}],"_split":{})"), Contains("_split: found {}"));
  CHECK_THROWS_WITH(with_state(R"(}],"_split":null,"_format_columns":"f")"),
                    Contains("_format_columns: found") && Contains("list of names"));
}
