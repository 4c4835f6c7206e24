#include "data/json_records.h"

#include <fmt/core.h>

#include <utility>
#include <vector>

#include "core/error.h"
#include "io/byte_source.h"
#include "io/line_reader.h"

namespace armorm::data {
namespace {

constexpr std::size_t kBlock = std::size_t{1} << 17;

bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

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
    while (reader_.next(text)) {
      for (const char c : text) {
        if (!is_space(c)) return true;
      }
    }
    return false;
  }
  std::string where() const override { return fmt::format("{}: line {}", path_, reader_.line_number()); }

 private:
  std::string path_;
  LineReader reader_;
};

class Elements final : public JsonRecords {
 public:
  explicit Elements(const std::filesystem::path& path)
      : path_(path.string()), source_(io::open_byte_source(path)), block_(kBlock) {
    char c = 0;
    while (get(c) && c != '[') {
    }
  }

  bool next(std::string& text) override {
    text.clear();
    if (closed_) return false;
    ++element_;
    Nesting nesting;
    char c = 0;
    while (get(c)) {
      const bool between = nesting.depth() == 0 && !nesting.in_string();
      if (between && (c == ',' || c == ']')) return finish(c, text);
      if (text.empty() && is_space(c)) continue;
      if (text.size() == LineReader::kMaxLineBytes)
        fail_data("{}: longer than {} bytes", where(), text.size());
      text.push_back(c);
      nesting.step(c);
    }
    fail_data("{}: the file ends inside the array; it is truncated", where());
  }

  std::string where() const override { return fmt::format("{}: element {}", path_, element_); }

 private:
  bool get(char& c) {
    if (begin_ == end_) {
      begin_ = 0;
      end_ = source_->read(block_);
      if (end_ == 0) return false;
    }
    c = block_[begin_++];
    return true;
  }

  // An element ends at a comma or at the array's bracket.
  bool finish(char last, const std::string& text) {
    if (last == ',') {
      if (text.empty()) fail_data("{}: nothing before a comma", where());
      return true;
    }
    closed_ = true;
    if (text.empty() && element_ > 0) fail_data("{}: nothing after a comma", where());
    for (char c = 0; get(c);) {
      if (!is_space(c)) fail_data("{}: text after the array's end", path_);
    }
    return !text.empty();
  }

  std::string path_;
  std::unique_ptr<io::ByteSource> source_;
  std::vector<char> block_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::int64_t element_ = -1;
  bool closed_ = false;
};

bool starts_with_bracket(const std::filesystem::path& path) {
  const auto source = io::open_byte_source(path);
  std::vector<char> block(kBlock);
  std::size_t skipped = 0;  // bytes of a byte order mark
  while (const std::size_t size = source->read(block)) {
    for (std::size_t i = 0; i < size; ++i) {
      if (skipped < 3 && static_cast<unsigned char>(block[i]) >= 0x80) {
        ++skipped;
      } else if (!is_space(block[i])) {
        return block[i] == '[';
      }
    }
  }
  return false;
}

}  // namespace

std::unique_ptr<JsonRecords> open_json_records(const std::filesystem::path& path) {
  if (starts_with_bracket(path)) return std::make_unique<Elements>(path);
  return std::make_unique<Lines>(path);
}

}  // namespace armorm::data
