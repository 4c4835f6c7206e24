#include "data/json_records.h"

#include <fmt/core.h>

#include <utility>
#include <vector>

#include "core/error.h"
#include "core/strings.h"
#include "data/json_reader.h"
#include "io/byte_source.h"
#include "io/line_reader.h"

namespace armorm::data {
namespace {

constexpr int kEnd = io::ByteReader::kEnd;

// Tracks strings and brackets; the JSON parser checks everything else.
class Nesting {
 public:
  void step(char c) noexcept {
    if (in_string_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_string_ = false;
      }
    } else if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if (c == '}' || c == ']') {
      --depth_;
    }
  }
  int depth() const noexcept { return depth_; }
  bool in_string() const noexcept { return in_string_; }

 private:
  int depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

class Lines final : public JsonRecords {
 public:
  explicit Lines(const std::filesystem::path& path) : path_(path.string()), reader_(path) {}
  bool next(std::string& text) override {
    while (next_line(text)) {
      if (!problem_.empty()) return true;
      const std::string_view content = trimmed(text);
      if (content.empty()) continue;
      if (content == "{" || (is_first_ && is_cut_open(content))) fail_spread();
      is_first_ = false;
      return true;
    }
    return false;
  }
  std::string where() const override { return fmt::format("{}: line {}", path_, reader_.line_number()); }

 private:
  bool next_line(std::string& text) {
    problem_.clear();
    try {
      return reader_.next(text);
    } catch (const io::LineTooLong& error) {
      problem_ = error.what();
      return true;
    }
  }

  // Ends inside an object, where a printer breaks lines.
  static bool is_cut_open(std::string_view content) {
    if (content.front() != '{' || std::string_view("{[,").find(content.back()) == std::string_view::npos)
      return false;
    Nesting nesting;
    for (const char c : content) nesting.step(c);
    return nesting.depth() > 0 && !nesting.in_string();
  }

  [[noreturn]] void fail_spread() const {
    fail_data(
        "{}: found an object over several lines, expected one object a line (JSON Lines) or an array of "
        "objects; convert with: jq -c .",
        where());
  }

  std::string path_;
  io::LineReader reader_;
  bool is_first_ = true;
};

class Elements final : public JsonRecords {
 public:
  explicit Elements(const std::filesystem::path& path) : path_(path.string()), bytes_(path) {
    for (int c = bytes_.get(); c != kEnd && c != '[';) c = bytes_.get();
  }

  bool next(std::string& text) override {
    text.clear();
    problem_.clear();
    if (closed_) return false;
    ++element_;
    Nesting nesting;
    for (int next = bytes_.get(); next != kEnd; next = bytes_.get()) {
      const char c = static_cast<char>(next);
      const bool between = nesting.depth() == 0 && !nesting.in_string();
      if (between && (c == ',' || c == ']')) return finish(c, text);
      if (text.empty() && is_json_space(c)) continue;
      if (text.size() < io::LineReader::kMaxLineBytes)
        text.push_back(c);
      else if (problem_.empty())
        problem_ = fmt::format("{}: longer than {} bytes", where(), text.size());
      nesting.step(c);
    }
    fail_data("{}: the file ends inside the array; it is truncated", where());
  }

  std::string where() const override { return fmt::format("{}: element {}", path_, element_); }

 private:
  // An element ends at a comma or at the array's bracket.
  bool finish(char last, const std::string& text) {
    if (last == ',') {
      if (text.empty()) fail_data("{}: nothing before a comma", where());
      return true;
    }
    closed_ = true;
    if (text.empty() && element_ > 0) fail_data("{}: nothing after a comma", where());
    for (int c = bytes_.get(); c != kEnd; c = bytes_.get())
      if (!is_json_space(static_cast<char>(c))) fail_data("{}: text after the array's end", path_);
    return !text.empty();
  }

  std::string path_;
  io::ByteReader bytes_;
  std::int64_t element_ = -1;
  bool closed_ = false;
};

bool starts_with_bracket(const std::filesystem::path& path) {
  io::ByteReader bytes(path);
  for (int c = bytes.get(); c != kEnd; c = bytes.get())
    if (!is_json_space(static_cast<char>(c))) return c == '[';
  return false;
}

}  // namespace

std::unique_ptr<JsonRecords> open_json_records(const std::filesystem::path& path) {
  if (starts_with_bracket(path)) return std::make_unique<Elements>(path);
  return std::make_unique<Lines>(path);
}

}  // namespace armorm::data
