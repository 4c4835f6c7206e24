#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/utf8.h"
#include "data/row_file.h"
#include "io/byte_source.h"
#include "io/line_reader.h"

namespace armorm::data {
namespace {

// The values that pandas, and so `datasets`, reads as missing. In text columns only the empty field is
// missing: "None" may be an answer.
constexpr std::array<std::string_view, 17> kMissing{
    "",        "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND",
    "1.#QNAN", "<NA>", "N/A",      "NA",  "NULL",    "NaN",      "None", "n/a"};

// Records of RFC 4180: quoted fields may hold separators, line ends and doubled quotes.
class CsvRecords {
 public:
  CsvRecords(const std::filesystem::path& path, char separator)
      : path_(path.string()), separator_(separator), bytes_(path) {}

  // Skips empty lines, like pandas. False at the end.
  bool next(std::vector<std::string>& fields) {
    do {
      fields.clear();
      if (!read_record(fields)) return false;
    } while (fields.size() == 1 && fields[0].empty());
    return true;
  }
  std::string where() const { return fmt::format("{}: line {}", path_, first_line_); }
  // data error when the last record is too long; the following ones can be read.
  void check_readable() const {
    if (size_ > io::LineReader::kMaxLineBytes)
      fail_data("{}: record longer than {} bytes", where(), io::LineReader::kMaxLineBytes);
  }

 private:
  int get() {
    const int c = bytes_.get();
    if (c == '\n') ++line_;
    return c;
  }
  void put(std::string& field, int c) {
    if (++size_ <= io::LineReader::kMaxLineBytes) field.push_back(static_cast<char>(c));
  }

  void read_quoted(std::string& field) {
    for (;;) {
      const int c = get();
      if (c == kEnd) fail_data("{}: the file ends inside a quoted field; it is truncated", where());
      if (c == '"') {
        if (bytes_.peek() != '"') return;
        get();
      }
      put(field, c);
    }
  }

  bool read_record(std::vector<std::string>& fields) {
    first_line_ = line_;
    size_ = 0;
    if (bytes_.peek() == kEnd) return false;
    fields.emplace_back();
    bool at_start = true;  // at the start of a field, where a quote opens
    for (;;) {
      const int c = get();
      if (c == '\r' && (bytes_.peek() == '\n' || bytes_.peek() == kEnd)) continue;
      if (c == kEnd || c == '\n') return true;
      if (c == '"' && at_start) {
        read_quoted(fields.back());
      } else if (c == separator_) {
        fields.emplace_back();
      } else {
        put(fields.back(), c);
      }
      at_start = c == separator_;
    }
  }

  static constexpr int kEnd = io::ByteReader::kEnd;
  std::string path_;
  char separator_;
  io::ByteReader bytes_;
  std::size_t size_ = 0;  // bytes of the record
  std::int64_t line_ = 1;
  std::int64_t first_line_ = 1;
};

std::optional<double> number_of(const std::string& text) {
  if (text == "True" || text == "true" || text == "TRUE") return 1.0;
  if (text == "False" || text == "false" || text == "FALSE") return 0.0;
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '\0') return std::nullopt;
  return value;
}

bool is_missing_number(const std::string& text) {
  for (const std::string_view missing : kMissing) {
    if (text == missing) return true;
  }
  return text == "nan" || text == "null";
}

class CsvRowFile final : public RowFile {
 public:
  CsvRowFile(std::filesystem::path path, char separator) : path_(std::move(path)), separator_(separator) {
    CsvRecords records(path_, separator_);
    records.next(header_);
    records.check_readable();
  }

  std::int64_t num_rows() override {
    if (rows_ < 0) rows_ = read({}, [](std::int64_t) { return false; }, {});
    return rows_;
  }
  std::vector<std::string> column_names(std::span<const std::string>) override { return header_; }

  std::int64_t read(const std::vector<ColumnRequest>& columns, const Wanted& wanted,
                    const Visit& visit) override {
    const std::vector<std::size_t> positions = positions_of(columns);
    CsvRecords records(path_, separator_);
    std::vector<std::string> fields;
    std::vector<Cell> cells(columns.size());
    records.next(fields);  // the header
    std::int64_t row = 0;
    for (; records.next(fields); ++row) {
      if (!wanted(row)) continue;
      fill_or_mark_bad(cells, [&] {
        records.check_readable();
        if (fields.size() > header_.size()) {
          fail_data("{}: found {} fields, expected {} as in the header", records.where(), fields.size(),
                    header_.size());
        }
        fields.resize(header_.size());
        for (std::size_t c = 0; c < columns.size(); ++c) {
          fill_cell(std::move(fields[positions[c]]), columns[c], row, cells[c]);
        }
      });
      visit(row, cells);
    }
    return rows_ = row;
  }

 private:
  std::vector<std::size_t> positions_of(const std::vector<ColumnRequest>& columns) const {
    std::vector<std::size_t> positions;
    for (const ColumnRequest& column : columns) {
      const auto found = std::find(header_.begin(), header_.end(), column.name);
      if (found == header_.end()) fail_internal("{}: column \"{}\" is missing", path_.string(), column.name);
      positions.push_back(static_cast<std::size_t>(found - header_.begin()));
    }
    return positions;
  }

  void fill_cell(std::string&& text, const ColumnRequest& request, std::int64_t row, Cell& cell) const {
    cell = Cell{};
    if (text.empty() || (request.want == Want::number && is_missing_number(text))) return;
    if (request.want == Want::number) {
      if (const auto number = number_of(text)) {
        cell.kind = CellKind::number;
        cell.number = *number;
        return;
      }
    }
    if (!is_utf8(text)) fail_data("{}: the text is not valid UTF-8", place_of(path_, row, request.name));
    cell.kind = CellKind::text;
    cell.text = std::move(text);
  }

  std::filesystem::path path_;
  char separator_;
  std::vector<std::string> header_;
  std::int64_t rows_ = -1;
};

}  // namespace

std::unique_ptr<RowFile> open_csv(const std::filesystem::path& path, char separator) {
  return std::make_unique<CsvRowFile>(path, separator);
}

}  // namespace armorm::data
