// Damaged files cause an error and nothing worse; memory does not grow with the file.
#include <arrow/api.h>
#include <arrow/io/file.h>
#include <arrow/ipc/writer.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <limits>
#include <random>
#include <thread>

#include "core/error.h"
#include "data/parquet_writer.h"
#include "data/rows.h"
#include "io/read_file.h"
#include "support/error_of.h"

namespace fs = std::filesystem;
using armorm::Conversation;
using armorm::ErrorKind;
using armorm::data::Dataset;
using armorm::data::LabelledRow;
using armorm::data::RejectRow;
using armorm::test::error_of;
using armorm::test::golden;
using armorm::test::labelled_rows;
using armorm::test::open_dataset;
using armorm::test::preference_rows;
using armorm::test::TempDir;
using Catch::Matchers::Contains;

namespace {

const std::vector<std::string> kAttributes{"helpsteer-correctness", "helpsteer-coherence"};

void put(const fs::path& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

enum class Outcome { rows, refused, wrong_error };

// Any exception but an Error of kind data or io fails the test.
Outcome read_all(const fs::path& path, std::size_t& rows) {
  rows = 0;
  try {
    const auto dataset = open_dataset(path);
    dataset.num_rows();
    dataset.for_each_labelled(kAttributes, {}, [&](armorm::data::LabelledRow&&) { ++rows; });
    return Outcome::rows;
  } catch (const armorm::Error& error) {
    const bool right = error.kind() == armorm::ErrorKind::data || error.kind() == armorm::ErrorKind::io;
    if (!right) UNSCOPED_INFO(error.what());
    return right ? Outcome::refused : Outcome::wrong_error;
  }
}

std::string random_text(std::mt19937& random, std::size_t size) {
  std::string text(size, ' ');
  for (char& c : text) c = static_cast<char>('!' + random() % 90);
  return text;
}

// 16 MiB of text that does not compress.
void write_large(const fs::path& path, std::int64_t rows_per_group) {
  std::mt19937 random(1);
  std::vector<Conversation> rows;
  std::vector<std::string> others;
  for (int i = 0; i < 8192; ++i) {
    rows.push_back({{"user", random_text(random, 1000)}, {"assistant", random_text(random, 1000)}});
    others.push_back(random_text(random, 40));
  }
  armorm::data::write_parquet(path, {{"messages", std::move(rows)}, {"other", std::move(others)}},
                              rows_per_group);
}

// Overwrites the pages of one column of one row group.
void damage_column(const fs::path& path, int group, const std::string& leaf) {
  const auto reader = parquet::ParquetFileReader::OpenFile(path.string(), /*memory_map=*/false);
  const auto row_group = reader->metadata()->RowGroup(group);
  const int column = reader->metadata()->schema()->ColumnIndex(leaf);
  REQUIRE(column >= 0);
  const auto chunk = row_group->ColumnChunk(column);
  const auto begin =
      chunk->has_dictionary_page() ? chunk->dictionary_page_offset() : chunk->data_page_offset();
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(begin);
  file << std::string(static_cast<std::size_t>(chunk->total_compressed_size()), '\xff');
}

}  // namespace

TEST_CASE("files cut anywhere are refused, or end at a whole row", "[unit]") {
  const TempDir dir;
  for (const std::string name :
       {"snappy.parquet", "zstd.parquet", "v1_plain.parquet", "v2_page.parquet", "stream.arrow", "file.arrow",
        "lines.jsonl", "array.json", "lines.jsonl.gz", "lines.jsonl.zst"}) {
    const std::string whole = armorm::io::read_text_file(golden("data/formats/" + name));
    const bool has_end_mark = name != "lines.jsonl" && name != "stream.arrow";
    for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 400) {
      CAPTURE(name, size, whole.size());
      put(dir / name, whole.substr(0, size));
      std::size_t rows = 0;
      const Outcome outcome = read_all(dir / name, rows);
      CHECK(outcome != Outcome::wrong_error);
      // The last bytes of some formats are padding or a line end.
      if (has_end_mark && size + 2 < whole.size()) CHECK(outcome == Outcome::refused);
      CHECK(rows <= 5);
    }
  }
}

TEST_CASE("files with any byte changed are read or refused", "[unit]") {
  const TempDir dir;
  std::mt19937 random(7);
  for (const std::string name :
       {"snappy.parquet", "zstd.parquet", "v1_plain.parquet", "v2_page.parquet", "stream.arrow", "file.arrow",
        "lines.jsonl", "array.json", "lines.jsonl.gz", "lines.jsonl.zst"}) {
    const std::string whole = armorm::io::read_text_file(golden("data/formats/" + name));
    std::size_t refused = 0;
    for (int i = 0; i < 400; ++i) {
      std::string changed = whole;
      const std::size_t at = random() % whole.size();
      changed[at] = static_cast<char>(changed[at] ^ static_cast<char>(1 + random() % 255));
      CAPTURE(name, i, at);
      put(dir / name, changed);
      std::size_t rows = 0;
      const Outcome outcome = read_all(dir / name, rows);
      CHECK(outcome != Outcome::wrong_error);
      refused += outcome == Outcome::refused ? 1 : 0;
    }
    CAPTURE(name, refused);
    CHECK(refused > 20);
  }
}

TEST_CASE("memory is bounded by a batch, not by the file or its row groups", "[unit]") {
  const TempDir dir;
  constexpr std::int64_t kTextBytes = 16'384'000;
  for (const std::int64_t rows_per_group : {128, 1024, 8192}) {
    write_large(dir / "x.parquet", rows_per_group);
    const auto dataset = open_dataset(dir / "x.parquet");
    const std::int64_t before = arrow::default_memory_pool()->bytes_allocated();
    std::int64_t peak = 0;
    std::int64_t rows = 0;
    dataset.for_each_labelled({}, {}, [&](armorm::data::LabelledRow&&) {
      peak = std::max(peak, arrow::default_memory_pool()->bytes_allocated() - before);
      ++rows;
    });
    CAPTURE(rows_per_group, peak);
    CHECK(rows == 8192);
    CHECK(peak < kTextBytes / 2);
    CHECK(peak > 0);
  }
}

TEST_CASE("row groups and columns that are not wanted are not read", "[unit]") {
  const TempDir dir;
  write_large(dir / "x.parquet", 4096);
  std::vector<bool> second_group(8192, false);
  second_group[8000] = true;
  damage_column(dir / "x.parquet", 1, "other");
  auto dataset = open_dataset(dir / "x.parquet");
  CHECK(labelled_rows(dataset, {}).size() == 8192);
  CHECK_THROWS_WITH(dataset.read_strings("other"), Contains("row group 1"));
  damage_column(dir / "x.parquet", 0, "messages.list.element.content");
  dataset = open_dataset(dir / "x.parquet");
  CHECK(labelled_rows(dataset, {}, second_group).size() == 1);
  CHECK_THROWS_WITH(labelled_rows(dataset, {}), Contains("row group 0"));
}

TEST_CASE("what the visitor throws passes through", "[unit]") {
  for (const std::string name : {"zstd.parquet", "stream.arrow", "lines.jsonl"}) {
    const auto dataset = open_dataset(golden("data/formats/" + name));
    CHECK_THROWS_AS(
        dataset.for_each_labelled({}, {}, [](armorm::data::LabelledRow&&) { throw std::bad_alloc(); }),
        std::bad_alloc);
  }
}

TEST_CASE("the real preference pairs read", "[unit]") {
  const fs::path shared = armorm::test::shared_dir();
  if (shared.empty()) ARMORM_SKIP("no shared folder");
  const auto dataset = open_dataset(shared / "data/hh_rlhf_harmless_pairs.jsonl.gz");
  const auto rows = preference_rows(dataset);
  CHECK(rows.size() == 1400);
  CHECK(dataset.num_rows() == 1400);
  for (const auto& row : rows) {
    CHECK(row.chosen.back().role == "assistant");
    CHECK(row.rejected.back().role == "assistant");
  }
}

namespace {

// An Arrow file with one column of nulls, which takes no bytes whatever its length.
void put_nulls(const fs::path& path, std::int64_t rows) {
  const auto batch = arrow::RecordBatch::Make(arrow::schema({arrow::field("messages", arrow::null())}), rows,
                                              {std::make_shared<arrow::NullArray>(rows)});
  auto sink = arrow::io::FileOutputStream::Open(path.string()).ValueOrDie();
  auto writer = arrow::ipc::MakeStreamWriter(sink, batch->schema()).ValueOrDie();
  REQUIRE(writer->WriteRecordBatch(*batch).ok());
  REQUIRE(writer->Close().ok());
  REQUIRE(sink->Close().ok());
}

}  // namespace

TEST_CASE("a file that claims more rows than its bytes can hold is refused", "[unit]") {
  const TempDir dir;
  put_nulls(dir / "many.arrow", std::numeric_limits<std::int32_t>::max());
  put_nulls(dir / "few.arrow", 1000);
  CHECK(open_dataset(dir / "few.arrow").num_rows() == 1000);
  CHECK_THROWS_WITH(open_dataset(dir / "many.arrow").num_rows(), Catch::Contains("claims 2147483647 rows"));
  CHECK_THROWS_WITH(labelled_rows(open_dataset(dir / "many.arrow"), {}), Catch::Contains("claims"));
}

TEST_CASE("a dictionary cannot multiply a text into memory", "[unit]") {
  // One text of 1 MB, shared by 400 messages of one row.
  arrow::StringBuilder texts;
  REQUIRE(texts.Append(std::string(1 << 20, 'x')).ok());
  arrow::Int8Builder indices;
  for (int i = 0; i < 400; ++i) REQUIRE(indices.Append(0).ok());
  const auto content =
      arrow::DictionaryArray::FromArrays(arrow::dictionary(arrow::int8(), arrow::utf8()),
                                         indices.Finish().ValueOrDie(), texts.Finish().ValueOrDie())
          .ValueOrDie();
  const auto message =
      arrow::StructArray::Make({content, content}, std::vector<std::string>{"role", "content"}).ValueOrDie();
  arrow::Int32Builder offsets;
  REQUIRE(offsets.AppendValues({0, 400}).ok());
  const auto rows = arrow::ListArray::FromArrays(*offsets.Finish().ValueOrDie(), *message).ValueOrDie();
  const auto batch =
      arrow::RecordBatch::Make(arrow::schema({arrow::field("messages", rows->type())}), 1, {rows});
  const TempDir dir;
  auto sink = arrow::io::FileOutputStream::Open((dir / "x.arrow").string()).ValueOrDie();
  auto writer = arrow::ipc::MakeStreamWriter(sink, batch->schema()).ValueOrDie();
  REQUIRE(writer->WriteRecordBatch(*batch).ok());
  REQUIRE(writer->Close().ok());
  REQUIRE(sink->Close().ok());
  CHECK_THROWS_WITH(labelled_rows(open_dataset(dir / "x.arrow"), {}),
                    Catch::Contains("bytes allowed for a row"));
}

TEST_CASE("a data set that changes while it is read is an error that names the file", "[unit]") {
  const std::string row = R"({"messages":[{"role":"user","content":"q"}],"a":1})"
                          "\n";
  const TempDir dir;
  fs::create_directories(dir / "set");
  const auto write = [&](const char* name, std::ios::openmode mode, const std::string& text) {
    std::ofstream(dir / "set" / name, std::ios::binary | mode) << text;
  };
  const auto error_when = [&](const std::function<void()>& change, bool skip) {
    write("a.jsonl", std::ios::trunc, row + row);
    write("b.jsonl", std::ios::trunc, row + row);
    const Dataset dataset = open_dataset(dir / "set");
    dataset.check_unchanged();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    int rows = 0;
    const auto visit = [&](LabelledRow&&) {
      if (++rows == 2) change();
    };
    const RejectRow pass_over = [](std::int64_t, const std::string&, const std::string&) {};
    return error_of([&] { dataset.for_each_labelled({"a"}, {}, visit, skip ? pass_over : RejectRow()); },
                    ErrorKind::data);
  };
  for (const bool skip : {false, true}) {
    const std::string name = (dir / "set/b.jsonl").string();
    CHECK_THAT(error_when([&] { write("b.jsonl", std::ios::app, row); }, skip),
               Contains(name + ": was changed while it was read"));
    CHECK_THAT(error_when([&] { fs::resize_file(dir / "set/b.jsonl", row.size() + 9); }, skip),
               Contains(name + ": was changed while it was read"));
    CHECK_THAT(error_when([&] { fs::rename(dir / "set/b.jsonl", dir / "b.jsonl"); }, skip),
               Contains(name + ": was moved or deleted while it was read"));
    CHECK_THAT(error_when(
                   [&] {
                     std::ofstream(dir / "new") << row << row;
                     fs::rename(dir / "new", dir / "set/a.jsonl");  // read already
                   },
                   skip),
               Contains((dir / "set/a.jsonl").string() + ": was replaced"));
  }
}
