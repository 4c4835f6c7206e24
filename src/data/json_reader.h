// A pull parser for one JSON text (RFC 8259): values that are not requested are checked and skipped without
// being built. It also accepts NaN, Infinity and -Infinity, which Python writes and `datasets` reads.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace armorm::data {

inline bool is_json_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

class JsonReader {
 public:
  static constexpr int kMaxDepth = 64;

  // Both arguments must outlive the reader. `text` must have a readable byte after its end, as std::string
  // has; `where` begins the messages of data errors. Checks that the text is UTF-8.
  JsonReader(const std::string& text, const std::string& where);
  JsonReader(const std::string& text, std::string&& where) = delete;

  enum class Kind { object, array, string, number, boolean, null };
  Kind peek();  // kind of the next value
  static std::string_view name_of(Kind kind);

  // Each reads one value, which must be of this kind.
  std::string read_string();
  double read_number();  // also a boolean: 0 or 1
  void read_null();
  std::string_view skip_value();  // returns its text

  // Objects and arrays: enter, then next_... until it is false; after each true one value must be read or
  // skipped.
  void enter_object();
  bool next_member(std::string& key);
  void enter_array();
  bool next_element();

  void expect_end();  // only white space is left

  // Moves to the position of `copy`, a copy of this reader.
  void continue_from(const JsonReader& copy) noexcept {
    at_ = copy.at_;
    depth_ = copy.depth_;
    fresh_ = copy.fresh_;
  }

 private:
  [[noreturn]] void fail(const char* expected) const;
  void skip_space() noexcept;
  void enter(char bracket);
  bool next(char closing);
  void literal(std::string_view word);
  double literal_number();
  void scan_number();
  void scan_string(std::string* into);
  void scan_escape(std::string* into);
  unsigned scan_hex4();

  const std::string& text_;
  const std::string& where_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool fresh_ = false;  // just after an opening bracket, where no comma precedes the value
};

}  // namespace armorm::data
