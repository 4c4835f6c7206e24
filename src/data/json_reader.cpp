#include "data/json_reader.h"

#include <charconv>
#include <cstdlib>
#include <limits>

#include "core/error.h"
#include "core/utf8.h"

namespace armorm::data {
namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

}  // namespace

JsonReader::JsonReader(const std::string& text, const std::string& where) : text_(text), where_(where) {
  if (!is_utf8(text)) fail_data("{}: not valid JSON: the text is not UTF-8", where_);
}

void JsonReader::fail(const char* expected) const {
  if (at_ >= text_.size()) fail_data("{}: not valid JSON: the text ends, expected {}", where_, expected);
  fail_data("{}: not valid JSON at byte {}: expected {}", where_, at_, expected);
}

// The byte at text_.size() is '\0', so text_[at_] is always valid.
void JsonReader::skip_space() noexcept {
  while (is_json_space(text_[at_])) ++at_;
}

JsonReader::Kind JsonReader::peek() {
  skip_space();
  switch (text_[at_]) {
    case '{':
      return Kind::object;
    case '[':
      return Kind::array;
    case '"':
      return Kind::string;
    case 't':
    case 'f':
      return Kind::boolean;
    case 'n':
      return Kind::null;
    default:
      return Kind::number;
  }
}

std::string_view JsonReader::name_of(Kind kind) {
  switch (kind) {
    case Kind::object:
      return "an object";
    case Kind::array:
      return "a list";
    case Kind::string:
      return "a string";
    case Kind::number:
      return "a number";
    case Kind::boolean:
      return "a boolean";
    case Kind::null:
      return "null";
  }
  return {};
}

void JsonReader::literal(std::string_view word) {
  if (text_.compare(at_, word.size(), word) != 0) fail("a value");
  at_ += word.size();
}

void JsonReader::read_null() {
  skip_space();
  literal("null");
}

double JsonReader::literal_number() {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  switch (text_[at_]) {
    case 't':
      literal("true");
      return 1;
    case 'f':
      literal("false");
      return 0;
    case 'N':
      literal("NaN");
      return std::numeric_limits<double>::quiet_NaN();
    case 'I':
      literal("Infinity");
      return kInfinity;
    default:
      literal("-Infinity");
      return -kInfinity;
  }
}

// Skips a number of RFC 8259, which is stricter than the C library.
void JsonReader::scan_number() {
  const auto digits = [&] {
    if (!is_digit(text_[at_])) fail("a digit");
    while (is_digit(text_[at_])) ++at_;
  };
  if (text_[at_] == '-') ++at_;
  if (!is_digit(text_[at_])) fail("a value");
  if (text_[at_] == '0') {
    ++at_;
  } else {
    digits();
  }
  if (text_[at_] == '.') {
    ++at_;
    digits();
  }
  if (text_[at_] == 'e' || text_[at_] == 'E') {
    ++at_;
    if (text_[at_] == '+' || text_[at_] == '-') ++at_;
    digits();
  }
}

double JsonReader::read_number() {
  skip_space();
  const char first = text_[at_];
  const bool negative_word = first == '-' && text_[at_ + 1] == 'I';
  if (first == 't' || first == 'f' || first == 'N' || first == 'I' || negative_word) return literal_number();
  const std::size_t begin = at_;
  scan_number();
  double value = 0;
  const auto result = std::from_chars(text_.data() + begin, text_.data() + at_, value);
  // Too large or too small for a double: strtod returns infinity or zero.
  if (result.ec == std::errc::result_out_of_range) value = std::strtod(text_.data() + begin, nullptr);
  return value;
}

unsigned JsonReader::scan_hex4() {
  unsigned code = 0;
  const char* begin = text_.data() + at_;
  const std::size_t left = text_.size() - at_;
  const auto result = std::from_chars(begin, begin + (left < 4 ? left : 4), code, 16);
  if (result.ec != std::errc() || result.ptr != begin + 4) fail("four hexadecimal digits");
  at_ += 4;
  return code;
}

void JsonReader::scan_escape(std::string* into) {
  constexpr std::string_view kNames = "\"\\/bfnrt";
  constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
  const char name = text_[++at_];
  const std::size_t known = name != '\0' ? kNames.find(name) : std::string_view::npos;
  if (known != std::string_view::npos) {
    ++at_;
    if (into != nullptr) into->push_back(kValues[known]);
    return;
  }
  if (name != 'u') fail("an escape");
  ++at_;
  unsigned code = scan_hex4();
  if (code >= 0xd800 && code < 0xe000) {
    // UTF-16: a high surrogate, then an escape with a low one.
    if (code >= 0xdc00 || text_[at_] != '\\' || text_[at_ + 1] != 'u') fail("a pair of surrogates");
    at_ += 2;
    const unsigned low = scan_hex4();
    if (low < 0xdc00 || low > 0xdfff) fail("a pair of surrogates");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  if (into != nullptr) append_utf8(*into, code);
}

void JsonReader::scan_string(std::string* into) {
  skip_space();
  if (text_[at_] != '"') fail("a string");
  ++at_;
  for (;;) {
    const std::size_t begin = at_;
    // The text ends with '\0', which is below ' ' like every control character that strings must escape.
    while (static_cast<unsigned char>(text_[at_]) >= 0x20 && text_[at_] != '"' && text_[at_] != '\\') ++at_;
    if (into != nullptr) into->append(text_, begin, at_ - begin);
    if (text_[at_] == '"') break;
    if (text_[at_] != '\\') fail("the end of a string");
    scan_escape(into);
  }
  ++at_;
}

std::string JsonReader::read_string() {
  std::string value;
  scan_string(&value);
  return value;
}

std::string_view JsonReader::skip_value() {
  const Kind kind = peek();
  const std::size_t begin = at_;
  switch (kind) {
    case Kind::object: {
      std::string key;
      enter_object();
      while (next_member(key)) skip_value();
      break;
    }
    case Kind::array:
      enter_array();
      while (next_element()) skip_value();
      break;
    case Kind::string:
      scan_string(nullptr);
      break;
    case Kind::null:
      read_null();
      break;
    case Kind::number:
    case Kind::boolean:
      read_number();
      break;
  }
  return std::string_view(text_).substr(begin, at_ - begin);
}

void JsonReader::enter(char bracket) {
  skip_space();
  if (text_[at_] != bracket) fail(bracket == '{' ? "an object" : "a list");
  if (++depth_ > kMaxDepth) fail_data("{}: JSON nested deeper than {} levels", where_, kMaxDepth);
  ++at_;
  fresh_ = true;
}

bool JsonReader::next(char closing) {
  skip_space();
  if (text_[at_] == closing) {
    ++at_;
    --depth_;
    fresh_ = false;
    return false;
  }
  if (!fresh_) {
    if (text_[at_] != ',') fail(closing == '}' ? "',' or '}'" : "',' or ']'");
    ++at_;
  }
  fresh_ = false;
  return true;
}

void JsonReader::enter_object() { enter('{'); }
void JsonReader::enter_array() { enter('['); }
bool JsonReader::next_element() { return next(']'); }

bool JsonReader::next_member(std::string& key) {
  if (!next('}')) return false;
  key.clear();
  scan_string(&key);
  skip_space();
  if (text_[at_] != ':') fail("':'");
  ++at_;
  return true;
}

void JsonReader::expect_end() {
  skip_space();
  if (at_ != text_.size()) fail("the end");
}

}  // namespace armorm::data
