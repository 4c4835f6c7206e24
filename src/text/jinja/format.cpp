// "..." % values and "...".format(values).
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <ctime>

#include "text/jinja/eval.h"
#include "text/jinja/failure.h"
#include "text/jinja/python_unicode.h"
#include "text/jinja/strings.h"

namespace armorm::text::jinja {
namespace {

struct Spec {
  char fill = ' ';
  char align = '\0';
  char sign = '-';
  bool alternate = false;
  bool zero = false;
  char grouping = '\0';
  std::int64_t width = 0;
  std::int64_t precision = -1;
  char type = '\0';
};

constexpr std::int64_t kMaxWidth = 1'000'000;

std::int64_t read_number(std::string_view text, std::size_t& at) {
  std::int64_t value = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    value = value * 10 + (text[at] - '0');
    if (value > kMaxWidth) fail("a width in a format is larger than {}", kMaxWidth);
  }
  return value;
}

std::string group_thousands(std::string digits, char separator) {
  std::size_t end = digits.find_first_not_of("0123456789");
  if (end == std::string::npos) end = digits.size();
  while (end > 3) digits.insert(end -= 3, 1, separator);
  return digits;
}

double real_of(const Value& value) {
  if (const auto* real = value.get<double>()) return *real;
  return static_cast<double>(to_index(value, "a formatted number"));
}

// Digits without a sign.
std::string format_magnitude(const Value& value, const Spec& spec) {
  const bool real =
      spec.type != '\0' && std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos;
  if (real || value.is<double>()) {
    const double magnitude = std::fabs(real_of(value)) * (spec.type == '%' ? 100 : 1);
    const int precision =
        static_cast<int>(std::min<std::int64_t>(spec.precision < 0 ? 6 : spec.precision, 300));
    if (spec.type == '\0' && spec.precision < 0) return format_float(magnitude);
    const char type = spec.type == '%' ? 'f' : spec.type;
    if (type == '\0' || std::string_view("eEfFgG").find(type) == std::string_view::npos) {
      fail("the format type '{}' is not supported for a float", type == '\0' ? ' ' : type);
    }
    const std::string pattern = std::string("{:.{}") + type + "}";
    return fmt::format(fmt::runtime(pattern), magnitude, precision) + (spec.type == '%' ? "%" : "");
  }
  const std::int64_t integer = to_index(value, "a formatted number");
  const std::uint64_t magnitude =
      integer < 0 ? 0 - static_cast<std::uint64_t>(integer) : static_cast<std::uint64_t>(integer);
  switch (spec.type) {
    case '\0':
    case 'd':
    case 'n':
      return fmt::format("{}", magnitude);
    case 'x':
      return fmt::format("{}{:x}", spec.alternate ? "0x" : "", magnitude);
    case 'X':
      return fmt::format("{}{:X}", spec.alternate ? "0X" : "", magnitude);
    case 'o':
      return fmt::format("{}{:o}", spec.alternate ? "0o" : "", magnitude);
    case 'b':
      return fmt::format("{}{:b}", spec.alternate ? "0b" : "", magnitude);
    default:
      fail("the format type '{}' is not supported for an int", spec.type);
  }
}

void append_padded(Text& out, const Text& text, const Spec& spec, char default_align) {
  const char align = spec.align == '\0' ? default_align : spec.align;
  const auto length = static_cast<std::int64_t>(count_code_points(text.view()));
  const auto missing = static_cast<std::size_t>(std::max<std::int64_t>(spec.width - length, 0));
  const std::size_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  const Text fill = Text::trusted({&spec.fill, 1});
  out.append_fill(left, fill);
  out.append(text);
  out.append_fill(missing - left, fill);
}

void append_number(Text& out, const Value& value, const Spec& spec) {
  const bool negative =
      value.is<double>() ? std::signbit(*value.get<double>()) : to_index(value, "a formatted number") < 0;
  std::string digits = format_magnitude(value, spec);
  if (spec.grouping != '\0') digits = group_thousands(std::move(digits), spec.grouping);
  const std::string sign = negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
  const bool pad_inside = spec.align == '=' || (spec.zero && spec.align == '\0');
  if (pad_inside) {
    Spec inner = spec;
    inner.fill = spec.zero ? '0' : spec.fill;
    inner.align = '>';
    inner.width = spec.width - static_cast<std::int64_t>(sign.size());
    out.append(sign, false);
    return append_padded(out, Text::trusted(digits), inner, '>');
  }
  append_padded(out, Text::trusted(sign + digits), spec, '>');
}

void append_text(Text& out, const Text& text, const Spec& spec, char default_align) {
  if (spec.precision < 0) return append_padded(out, text, spec, default_align);
  const Value cut = slice_value(text, None{}, spec.precision, None{});
  append_padded(out, *cut.text(), spec, default_align);
}

// --- percent
// ---------------------------------------------------------------------------------------------------

class PercentArguments {
 public:
  explicit PercentArguments(const Value& argument) : argument_(argument) {
    const Sequence* sequence = argument.sequence();
    if (sequence != nullptr && sequence->kind == Sequence::Kind::tuple) tuple_ = sequence;
  }
  Value next() {
    if (tuple_ == nullptr && used_ > 0) fail("the format needs more values");
    if (tuple_ != nullptr && used_ >= tuple_->items.size()) fail("the format needs more values");
    return tuple_ == nullptr ? (++used_, argument_) : tuple_->items[used_++];
  }
  Value named(std::string_view name) {
    if (argument_.mapping() == nullptr) fail("the format needs a dict");
    const Value* value = argument_.mapping()->find(name);
    if (value == nullptr) fail("the format names '{}', which the dict lacks", name);
    used_ = 1;
    return *value;
  }
  void finish() const {
    if (tuple_ != nullptr ? used_ < tuple_->items.size()
                          : used_ == 0 && argument_.mapping() == nullptr && argument_.sequence() == nullptr) {
      fail("the format does not use all its values");
    }
  }

 private:
  Value argument_;
  const Sequence* tuple_ = nullptr;
  std::size_t used_ = 0;
};

Spec read_percent_spec(std::string_view text, std::size_t& at) {
  Spec spec;
  for (; at < text.size() && std::string_view("-+ #0").find(text[at]) != std::string_view::npos; ++at) {
    if (text[at] == '-') spec.align = '<';
    if (text[at] == '0') spec.zero = true;
    if (text[at] == '#') spec.alternate = true;
    if (text[at] == '+' || (text[at] == ' ' && spec.sign != '+')) spec.sign = text[at];
  }
  spec.width = read_number(text, at);
  if (at < text.size() && text[at] == '.') {
    ++at;
    spec.precision = read_number(text, at);
  }
  if (at >= text.size()) fail("the format is incomplete");
  spec.type = text[at++];
  return spec;
}

void append_percent(Text& out, Spec spec, const Value& value) {
  if (spec.type == 's') return append_text(out, to_text(value), spec, '>');
  if (spec.type == 'r') {
    Text quoted;
    append_repr(quoted, value);
    return append_text(out, quoted, spec, '>');
  }
  if (spec.type == 'c') return append_text(out, to_text(value), spec, '>');
  if (!value.is_number()) fail("'%{}' needs a number, not {}", spec.type, type_name(value));
  if (spec.type == 'i' || spec.type == 'u') spec.type = 'd';
  if (spec.type == 'd' && value.is<double>()) {
    return append_number(out, static_cast<std::int64_t>(std::trunc(*value.get<double>())), spec);
  }
  append_number(out, value, spec);
}

// --- braces
// ----------------------------------------------------------------------------------------------------

Spec read_brace_spec(std::string_view text) {
  Spec spec;
  std::size_t at = 0;
  const auto is_align = [&](std::size_t i) {
    return i < text.size() && std::string_view("<>^=").find(text[i]) != std::string_view::npos;
  };
  if (is_align(1)) {
    spec.fill = text[0];
    spec.align = text[1];
    at = 2;
  } else if (is_align(0)) {
    spec.align = text[at++];
  }
  if (at < text.size() && std::string_view("+- ").find(text[at]) != std::string_view::npos)
    spec.sign = text[at++];
  if (at < text.size() && text[at] == '#') spec.alternate = ++at > 0;
  if (at < text.size() && text[at] == '0') spec.zero = ++at > 0;
  spec.width = read_number(text, at);
  if (at < text.size() && (text[at] == ',' || text[at] == '_')) spec.grouping = text[at++];
  if (at < text.size() && text[at] == '.') {
    ++at;
    spec.precision = read_number(text, at);
  }
  if (at < text.size()) spec.type = text[at++];
  if (at < text.size()) fail("the format '{}' is not supported", text);
  return spec;
}

class BraceFormat {
 public:
  BraceFormat(Evaluator& evaluator, const Text& pattern, const Arguments& arguments)
      : evaluator_(evaluator), pattern_(pattern), arguments_(arguments) {}

  Text run() {
    const std::string_view text = pattern_.view();
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t brace = std::min(text.find_first_of("{}", at), text.size());
      out_.append_slice(pattern_, at, brace);
      if (brace == text.size()) break;
      if (brace + 1 < text.size() && text[brace + 1] == text[brace]) {
        out_.append_slice(pattern_, brace, brace + 1);
        at = brace + 2;
        continue;
      }
      const std::size_t close = text.find('}', brace);
      if (text[brace] == '}' || close == std::string_view::npos) fail("the format has an unmatched brace");
      field(text.substr(brace + 1, close - brace - 1));
      at = close + 1;
    }
    return std::move(out_);
  }

 private:
  void field(std::string_view text) {
    if (text.find('{') != std::string_view::npos) fail("a field within a field of a format is not supported");
    const std::size_t colon = std::min(text.find(':'), text.size());
    std::string_view name = text.substr(0, colon);
    const Spec spec = read_brace_spec(colon < text.size() ? text.substr(colon + 1) : std::string_view());
    char conversion = '\0';
    if (const std::size_t mark = name.find('!'); mark != std::string_view::npos) {
      conversion = mark + 2 == name.size() ? name[mark + 1] : '?';
      name = name.substr(0, mark);
    }
    append(resolve(name), spec, conversion);
  }

  Value resolve(std::string_view name) {
    const std::size_t end = std::min(name.find_first_of(".["), name.size());
    Value value = argument(name.substr(0, end));
    for (std::size_t at = end; at < name.size();) {
      const bool bracket = name[at] == '[';
      const std::size_t stop =
          bracket ? name.find(']', at) : std::min(name.find_first_of(".[", at + 1), name.size());
      if (stop == std::string_view::npos) fail("the format has an unmatched bracket");
      const std::string_view key = name.substr(at + 1, stop - at - 1);
      std::size_t digits = 0;
      const bool number =
          bracket && !key.empty() && key.find_first_not_of("0123456789") == std::string_view::npos;
      value = !bracket ? evaluator_.attribute(value, key)
              : number ? evaluator_.item(value, read_number(key, digits))
                       : evaluator_.item(value, make_trusted(key));
      at = bracket ? stop + 1 : stop;
    }
    return value;
  }

  Value argument(std::string_view name) {
    std::size_t at = 0;
    if (name.empty() || name.find_first_not_of("0123456789") == std::string_view::npos) {
      const std::size_t index = name.empty() ? next_++ : static_cast<std::size_t>(read_number(name, at));
      if (index >= arguments_.positional.size()) fail("the format needs more values");
      return arguments_.positional[index];
    }
    for (const auto& [known, value] : arguments_.named) {
      if (known == name) return value;
    }
    fail("the format names '{}', which is not given", name);
  }

  void append(const Value& value, const Spec& spec, char conversion) {
    if (conversion == 'r') {
      Text quoted;
      append_repr(quoted, value);
      return append_text(out_, quoted, spec, '<');
    }
    if (conversion != '\0' && conversion != 's') fail("the conversion '!{}' is not supported", conversion);
    const bool plain = spec.type == '\0' && spec.width == 0 && spec.precision < 0;
    if (conversion == '\0' && value.is_number() && !(value.is<bool>() && plain)) {
      return append_number(out_, value, spec);
    }
    if (spec.type != '\0' && spec.type != 's') fail("the format type '{}' needs a number", spec.type);
    append_text(out_, to_text(value), spec, '<');
  }

  Evaluator& evaluator_;
  const Text& pattern_;
  const Arguments& arguments_;
  std::size_t next_ = 0;
  Text out_;
};

}  // namespace

Text format_percent(const Text& pattern, const Value& argument) {
  PercentArguments arguments(argument);
  Text out;
  const std::string_view text = pattern.view();
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t percent = std::min(text.find('%', at), text.size());
    out.append_slice(pattern, at, percent);
    at = percent + 1;
    if (percent == text.size()) break;
    if (at < text.size() && text[at] == '%') {
      out.append_slice(pattern, at, at + 1);
      ++at;
      continue;
    }
    std::string_view name;
    const bool named = at < text.size() && text[at] == '(';
    if (named) {
      const std::size_t close = text.find(')', at);
      if (close == std::string_view::npos) fail("the format is incomplete");
      name = text.substr(at + 1, close - at - 1);
      at = close + 1;
    }
    const Spec spec = read_percent_spec(text, at);
    append_percent(out, spec, named ? arguments.named(name) : arguments.next());
  }
  arguments.finish();
  return out;
}

Text format_braces(Evaluator& evaluator, const Text& pattern, const Arguments& arguments) {
  return BraceFormat(evaluator, pattern, arguments).run();
}

namespace {

// Python's datetime fills these in itself: a time without zone, here of whole seconds.
std::string without_zone(const std::string& pattern) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char next = pattern[i] == '%' && i + 1 < pattern.size() ? pattern[i + 1] : '\0';
    if (next == 'f') out += "000000";
    if (next == '\0' || (next != 'f' && next != 'z' && next != 'Z')) {
      out += pattern[i];
      if (next == '\0') continue;
      out += next;
    }
    ++i;
  }
  return out;
}

}  // namespace

Text format_time(const Text& pattern, std::int64_t seconds) {
  const std::time_t time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  if (localtime_r(&time, &parts) == nullptr) fail("strftime_now: the time is out of range");
  constexpr std::size_t kMaxPattern = 1000;
  if (pattern.size() > kMaxPattern) fail("the format of strftime_now is longer than {} bytes", kMaxPattern);
  // No conversion of the C locale expands 2 bytes to more than 100.
  std::string buffer(pattern.size() * 50 + 100, '\0');
  const std::string ended =
      without_zone(pattern.bytes()) + "\x01";  // distinguishes an empty result from a full buffer
  const std::size_t size = std::strftime(buffer.data(), buffer.size(), ended.c_str(), &parts);
  if (size == 0) fail("strftime_now: the format cannot be shown");
  Text text;
  text.append(std::string_view(buffer).substr(0, size - 1), pattern.any_data());
  return text;
}

}  // namespace armorm::text::jinja
