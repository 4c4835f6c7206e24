// Which files make a split, compared with the `datasets` library on the same folders.
#include <fmt/core.h>
#include <sys/resource.h>

#include <cmath>
#include <fstream>

#include "core/error.h"
#include "data/glob.h"
#include "data/parquet_writer.h"
#include "data/rows.h"
#include "support/log_capture.h"

namespace fs = std::filesystem;
using armorm::data::Dataset;
using armorm::data::DatasetOptions;
using armorm::test::golden_json;
using armorm::test::LogCapture;
using armorm::test::open_dataset;
using armorm::test::TempDir;
using Catch::Matchers::Contains;

namespace {

void put(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

const char* const kRow = R"({"f":"x"})";

}  // namespace

TEST_CASE("splits are found as datasets finds them", "[golden]") {
  for (const auto& layout : golden_json("layouts.json")) {
    CAPTURE(layout["name"]);
    const TempDir dir;
    for (const auto& [file, text] : layout["files"].items()) put(dir.path() / file, text);
    DatasetOptions options;
    options.path = dir.path();
    options.config = layout["config"];
    if (layout["splits"].contains("error")) {
      CHECK_THROWS_AS(Dataset::open(options), armorm::Error);
      continue;
    }
    std::string names;
    for (const auto& [split, expected] : layout["splits"].items()) {
      CAPTURE(split);
      options.split = split;
      const Dataset dataset = Dataset::open(options);
      CHECK(dataset.read_strings("f") == expected.get<std::vector<std::string>>());
      CHECK(dataset.num_rows() == static_cast<std::int64_t>(expected.size()));
    }
    options.split = "no such split";
    CHECK_THROWS_WITH(Dataset::open(options),
                      Contains("no such split") && Contains(layout["splits"].items().begin().key()));
  }
}

TEST_CASE("slices and sums of splits are those of datasets", "[golden]") {
  const auto golden = golden_json("splits.json");
  const TempDir dir;
  // The rows of all files are numbered; the golden's order is that of the numbers.
  const std::vector<std::pair<std::string, int>> firsts{{"data/train-00000-of-00003.jsonl", 0},
                                                        {"data/train-00001-of-00003.jsonl", 40},
                                                        {"data/train-00002-of-00003.jsonl", 41},
                                                        {"data/test-00000-of-00001.jsonl", 125}};
  std::string train;
  for (const auto& [file, first] : firsts) {
    std::string text;
    for (int row = 0; row < golden["files"][file].get<int>(); ++row)
      text += fmt::format("{{\"f\":\"{}\"}}\n", first + row);
    put(dir / "set" / file, text);
    if (file.starts_with("data/train")) train += text;
  }
  put(dir / "x.jsonl", train);
  for (const auto& item : golden["cases"]) {
    const std::string split = item["split"];
    CAPTURE(split);
    // datasets reads a slice that begins after its end as no rows, or not at all, depending on the files.
    if (item.contains("error") || item["rows"].empty()) {
      CHECK_THROWS_WITH(open_dataset(dir / "set", split), Contains("split \"" + split + "\""));
      continue;
    }
    std::vector<std::string> expected;
    for (const auto& row : item["rows"]) expected.push_back(std::to_string(row.get<int>()));
    const Dataset dataset = open_dataset(dir / "set", split);
    CHECK(dataset.read_strings("f") == expected);
    CHECK(dataset.num_rows() == static_cast<std::int64_t>(expected.size()));
    if (split.find("test") != std::string::npos || split == "all") continue;
    const Dataset file = open_dataset(dir / "x.jsonl", split);
    CHECK(file.read_strings("f") == expected);
    CHECK(file.num_rows() == static_cast<std::int64_t>(expected.size()));
  }
  CHECK_THROWS_WITH(open_dataset(dir / "set", "train[:10"), Contains("expected one of: train, test"));
  CHECK_THROWS_WITH(open_dataset(dir / "set", "train+none"), Contains("expected one of: train, test"));
  CHECK_THROWS_WITH(open_dataset(dir / "x.jsonl", "train[:10"), Contains("expected one of: train"));
  CHECK_THROWS_WITH(open_dataset(dir / "x.jsonl", "train+test"), Contains("expected one of: train"));
}

TEST_CASE("a selection of a slice counts the rows of the slice", "[unit]") {
  const TempDir dir;
  put(dir / "x.csv", "f\na\nb\nc\nd\n");
  const Dataset dataset = open_dataset(dir / "x.csv", "train[2:]+train[:1]");
  CHECK(dataset.read_strings("f") == std::vector<std::string>{"c", "d", "a"});
  put(dir / "y.jsonl",
      "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}\n"
      "{\"messages\":[{\"role\":\"user\",\"content\":\"b\"}]}\n"
      "{\"messages\":[{\"role\":\"user\",\"content\":\"c\"}]}\n");
  const auto rows =
      armorm::test::labelled_rows(open_dataset(dir / "y.jsonl", "train[1:]"), {}, {false, true});
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].row_id == 1);
  CHECK(rows[0].messages[0].content == "c");
}

TEST_CASE("a byte order mark is not content", "[unit]") {
  const TempDir dir;
  const std::string mark = "\xef\xbb\xbf";
  put(dir / "x.csv", mark + "\"f\",\"g\"\n\"1\",\"2\"\n");
  CHECK(open_dataset(dir / "x.csv").read_strings("f") == std::vector<std::string>{"1"});
  put(dir / "x.json", mark + "[" + kRow + "]");
  CHECK(open_dataset(dir / "x.json").read_strings("f") == std::vector<std::string>{"x"});
  put(dir / "set/README.md", mark + "---\nconfigs:\n- config_name: default\n  data_files: b.jsonl\n---\n");
  put(dir / "set/a.jsonl", R"({"f":"a"})");
  put(dir / "set/b.jsonl", R"({"f":"b"})");
  CHECK(open_dataset(dir / "set").read_strings("f") == std::vector<std::string>{"b"});
}

TEST_CASE("a byte order mark is dropped from text, plain and compressed", "[golden]") {
  const auto expected = golden_json("marks/expected.json");
  for (const std::string ending :
       {"csv", "tsv", "jsonl", "json", "csv.gz", "tsv.gz", "jsonl.gz", "json.gz"}) {
    CAPTURE(ending);
    const Dataset dataset = open_dataset(armorm::test::golden("data/marks/x." + ending));
    for (const std::string column : {"f", "g"}) {
      std::vector<std::string> texts;
      for (const auto& row : expected) texts.push_back(row[column]);
      CHECK(dataset.read_strings(column) == texts);
    }
  }
}

TEST_CASE("files of a second format are named", "[unit]") {
  const TempDir dir;
  put(dir / "README.md",
      "---\nconfigs:\n- config_name: default\n  data_files: [a.jsonl, b.csv, c.bin]\n---\n");
  put(dir / "a.jsonl", R"({"f":"a"})");
  put(dir / "b.csv", "f\nb\n");
  put(dir / "c.bin", "");
  std::vector<std::string> lines;
  {
    const LogCapture capture(lines);
    CHECK(open_dataset(dir.path()).read_strings("f") == std::vector<std::string>{"a"});
  }
  REQUIRE(lines.size() == 1);
  CHECK_THAT(lines[0], Contains("2 files") && Contains("b.csv, c.bin") && Contains("train"));
  put(dir / "plain/a.jsonl", R"({"f":"a"})");
  put(dir / "plain/LICENSE", "");
  put(dir / "plain/load.py", "");
  lines.clear();
  {
    const LogCapture capture(lines);
    open_dataset(dir / "plain");
  }
  CHECK(lines.empty());
}

TEST_CASE("a column that only some files have is null in the others", "[unit]") {
  const TempDir dir;
  const std::vector<armorm::Conversation> turns{{{"user", "q"}}};
  using Numbers = std::vector<std::optional<double>>;
  using Texts = std::vector<std::string>;
  armorm::data::write_parquet(dir / "set/0.parquet", {{"messages", turns}, {"a", Numbers{1.0}}});
  armorm::data::write_parquet(dir / "set/1.parquet",
                              {{"messages", turns}, {"b", Numbers{2.0}}, {"source", Texts{"s"}}});
  const Dataset dataset = open_dataset(dir / "set");
  std::vector<std::string> lines;
  {
    const LogCapture capture(lines);
    const auto rows = armorm::test::labelled_rows(dataset, {"a", "b"});
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].labels[0] == 1.0F);
    CHECK(std::isnan(rows[0].labels[1]));
    CHECK(std::isnan(rows[1].labels[0]));
    CHECK(rows[1].labels[1] == 2.0F);
    CHECK(dataset.read_strings("source") == std::vector<std::string>{"", "s"});
    armorm::test::labelled_rows(dataset, {"a", "b"});
  }
  REQUIRE(lines.size() == 3);  // one for each column
  CHECK_THAT(lines[0], Contains("\"a\"") && Contains("1 of 2 files") && Contains("1.parquet"));
  CHECK_THROWS_WITH(armorm::test::labelled_rows(dataset, {"c"}), Contains("no column \"c\""));
  put(dir / "mixed/0.csv", "f,g\n1,2\n");
  put(dir / "mixed/1.csv", "g\n3\n");
  CHECK(open_dataset(dir / "mixed").read_strings("f") == std::vector<std::string>{"1", ""});
  armorm::data::write_parquet(dir / "set/2.parquet", {{"a", Numbers{1.0}}});
  CHECK_THROWS_WITH(armorm::test::labelled_rows(open_dataset(dir / "set"), {"a"}),
                    Contains("no column \"messages\"") && Contains("2.parquet"));
}

TEST_CASE("a file is the split that is asked for, and is read once", "[unit]") {
  const TempDir dir;
  put(dir / "train-training.jsonl", kRow);
  CHECK(open_dataset(dir / "train-training.jsonl", "filtered").num_rows() == 1);
  CHECK(open_dataset(dir.path()).num_rows() == 1);  // two patterns match it
}

TEST_CASE("a set may have more files than a process may hold open", "[unit]") {
  const TempDir dir;
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  for (int i = 0; i < 60; ++i) {
    armorm::data::write_parquet(dir.path() / fmt::format("{:02d}.parquet", i),
                                {{"f", std::vector<std::string>{std::to_string(i)}}});
  }
  const rlimit few{40, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
  std::vector<std::string> read;
  std::string problem;
  try {
    read = open_dataset(dir.path()).read_strings("f");
  } catch (const armorm::Error& error) {
    problem = error.what();
  }
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(problem.empty());
  REQUIRE(read.size() == 60);
  CHECK(read[59] == "59");
}

TEST_CASE("missing sets and splits", "[unit]") {
  const TempDir dir;
  const auto kind_of = [&](const fs::path& path, const std::string& split) {
    try {
      open_dataset(path, split);
    } catch (const armorm::Error& error) {
      return error.kind();
    }
    return armorm::ErrorKind::internal;
  };
  put(dir / "set/train.jsonl", kRow);
  put(dir / "empty/notes.txt", "");
  CHECK(kind_of(dir / "none", "train") == armorm::ErrorKind::io);
  CHECK(kind_of(dir / "empty", "train") == armorm::ErrorKind::io);
  CHECK(kind_of(dir / "set", "test") == armorm::ErrorKind::data);
}

TEST_CASE("a data set's own files cannot name files outside of it", "[unit]") {
  const TempDir dir;
  const fs::path set = dir / "set";
  put(dir / "outside.jsonl", kRow);
  put(set / "inside.jsonl", kRow);
  fs::create_symlink(dir / "outside.jsonl", set / "link.jsonl");
  const auto with_card = [&](const std::string& path) {
    put(set / "README.md", "---\nconfigs:\n- config_name: default\n  data_files: \"" + path + "\"\n---\n");
    return open_dataset(set);
  };
  CHECK(with_card("inside.jsonl").num_rows() == 1);
  CHECK(with_card("./inside.jsonl").num_rows() == 1);
  for (const std::string path :
       {"../outside.jsonl", "a/../../outside.jsonl", "https://host/x.jsonl", "hf://x/y.jsonl"}) {
    CAPTURE(path);
    CHECK_THROWS_WITH(with_card(path), Contains("inside the data set's folder"));
  }
  CHECK_THROWS_WITH(with_card((dir / "outside.jsonl").string()), Contains("inside the data set's folder"));
  CHECK_THROWS_WITH(with_card("link.jsonl"), Contains("leads out of"));
  CHECK_THROWS_WITH(with_card("*.jsonl"), Contains("leads out of"));
  put(set / "README.md", "---\nconfigs:\n- config_name: default\n  data_dir: ..\n---\n");
  CHECK_THROWS_WITH(open_dataset(set), Contains("inside the data set's folder"));
  // Nor may files that came with the folder: copying and cloning keep links.
  fs::remove(set / "README.md");
  CHECK_THROWS_WITH(open_dataset(set), Contains("leads out of") && Contains("link.jsonl"));
  fs::remove(set / "link.jsonl");
  CHECK(open_dataset(set).num_rows() == 1);
  fs::create_symlink(dir / "outside.jsonl", set / "README.md");
  CHECK_THROWS_WITH(open_dataset(set), Contains("leads out of") && Contains("README.md"));
  fs::remove(set / "README.md");
  CHECK_THROWS_WITH(with_card(std::string(5000, 'a')), Contains("inside the data set's folder"));
  CHECK_THROWS_WITH(with_card("a\\0b.jsonl"), Contains("inside the data set's folder"));
}

TEST_CASE("links into the blobs of a Hub snapshot are followed", "[unit]") {
  const TempDir dir;
  const fs::path repository = dir / "datasets--org--name";
  put(repository / "blobs/1234", kRow);
  const fs::path snapshot = repository / "snapshots/abcd";
  put(snapshot / "README.md", "---\nconfigs:\n- config_name: default\n  data_files: \"data/*.jsonl\"\n---\n");
  fs::create_directories(snapshot / "data");
  fs::create_symlink("../../../blobs/1234", snapshot / "data/train.jsonl");
  CHECK(open_dataset(snapshot).num_rows() == 1);
}

TEST_CASE("the files of save_to_disk are trusted with nothing", "[unit]") {
  const TempDir dir;
  const fs::path set = dir / "set";
  const fs::path good = armorm::test::golden("data/saved_single/data-00000-of-00001.arrow");
  fs::create_directories(set);
  fs::copy_file(good, set / "a.arrow");
  fs::copy_file(good, dir / "outside.arrow");
  fs::create_symlink(dir / "outside.arrow", set / "link.arrow");
  const auto with_state = [&](const std::string& text) {
    put(set / "state.json", text);
    return open_dataset(set);
  };
  CHECK(with_state(R"({"_data_files":[{"filename":"a.arrow"}],"_split":"x"})").num_rows() == 4);
  const std::vector<std::pair<std::string, std::string>> cases{
      {R"({"_data_files":[{"filename":"../outside.arrow"}]})", "inside"},
      {R"({"_data_files":[{"filename":"link.arrow"}]})", "leads out of"},
      {R"({"_data_files":[{"filename":"b.arrow"}]})", "missing"},
      {R"({"_data_files":[{"filename":")" + std::string(300, 'b') + R"("}]})", "name of a file"},
      {R"({"_data_files":[{"filename":"a\u0000.arrow"}]})", "inside"},
      {R"({"_data_files":[{"filename":7}]})", "state.json"},
      {R"({"_data_files":[7]})", "filename"},
      {R"({"_data_files":7})", "_data_files"},
      {R"({"_data_files":[]})", "empty list"},
      {R"({})", "_data_files"},
      {R"([])", "expected an object"},
      {R"({)", "not valid JSON"},
  };
  for (const auto& [text, reason] : cases) {
    CAPTURE(text);
    CHECK_THROWS_WITH(with_state(text), Contains(reason));
  }
  put(set / "dataset_dict.json", R"({"splits":["../set"]})");
  CHECK_THROWS_WITH(open_dataset(set, "../set"), Contains("inside"));
  put(set / "dataset_dict.json", R"({"splits":["."]})");
  CHECK_THROWS_WITH(open_dataset(set, "."), Contains("next to it"));
}

TEST_CASE("damaged cards", "[unit]") {
  const TempDir dir;
  put(dir / "train.jsonl", kRow);
  const std::vector<std::pair<std::string, std::string>> cases{
      {"configs: 3", "expected a list"},
      {"configs: []", "expected a list"},
      {"configs:\n- 3", "config_name"},
      {"configs:\n- data_files: x", "config_name"},
      {"configs:\n- config_name: a\n  data_files: {split: train, path: x}", "data_files"},
      {"configs:\n- config_name: a\n  data_files: []", "data_files"},
      {"configs:\n- config_name: a\n  data_files:\n  - split: train", "split and path"},
      {"configs:\n- config_name: a\n  data_files:\n  - {split: t, path: x}\n  - {split: t, path: y}",
       "twice"},
      {"configs:\n- config_name: a\n  data_files: a**/x", "whole part"},
      {"a: [", "damaged"},
      {"a: " + std::string(100000, '['), "damaged"},
  };
  for (const auto& [yaml, reason] : cases) {
    CAPTURE(yaml.substr(0, 100));
    put(dir / "README.md", "---\n" + yaml + "\n---\n");
    CHECK_THROWS_WITH(open_dataset(dir.path()), Contains(reason));
  }
}

TEST_CASE("path patterns", "[unit]") {
  using armorm::data::matches;
  CHECK(matches("*.jsonl", "a.jsonl"));
  CHECK_FALSE(matches("*.jsonl", "a/b.jsonl"));
  CHECK(matches("**", "a/b/c"));
  CHECK_FALSE(matches("a/**", "a"));
  CHECK(matches("a/**", "a/b/c"));
  CHECK(matches("**/c", "c"));
  CHECK(matches("**/c", "a/b/c"));
  CHECK(matches("a/**/c", "a/c"));
  CHECK_FALSE(matches("a/**/c", "b/a/c"));
  CHECK(matches("./a//b", "a/b"));
  CHECK(matches("[!a]?", "b1"));
  CHECK_FALSE(matches("[!a]?", "a1"));
  CHECK(matches("x[-._ 0-9]*", "x-"));
  CHECK(matches("x\\y", "x\\y"));
  // Many stars stay fast: the cost is quadratic, not exponential.
  std::string stars, path;
  for (int i = 0; i < 60; ++i) {
    stars += "**/a/";
    path += "a/";
  }
  CHECK_FALSE(matches(stars + "b", path + "a"));
}

TEST_CASE("a missing label column points to the option that names label columns", "[unit]") {
  const TempDir dir;
  put(dir / "train.jsonl", R"({"messages":[{"role":"user","content":"x"}],"good":1})");
  const auto dataset = open_dataset(dir.path());
  CHECK_THROWS_WITH(armorm::test::labelled_rows(dataset, {"helpful"}),
                    Contains("no column \"helpful\"") && Contains("messages, good; name") &&
                        Contains("labels with `attributes`"));
}
