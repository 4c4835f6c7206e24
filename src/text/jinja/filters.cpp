// Filters on strings and numbers.
#include "text/jinja/filters.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/jinja/eval.h"
#include "text/jinja/failure.h"
#include "text/jinja/json.h"
#include "text/jinja/limits.h"
#include "text/jinja/python_unicode.h"
#include "text/jinja/strings.h"

namespace armorm::text::jinja {
namespace {

// soft_str: the text of a string or Markup, str() of anything else.
Text soft_text(const Value& value) { return value.text() != nullptr ? *value.text() : to_text(value); }

Value keep_markup(const Value& input, Text text) {
  if (input.is<Markup>()) return Markup{Text::share(std::move(text))};
  return text;
}

template <Text (*function)(const Text&)>
Value filter_map(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "this filter", {});
  return keep_markup(input, function(soft_text(input)));
}

// jinja2's title: capitalizes after white space and some punctuation.
Text title_words(const Text& text) {
  charge(text.size() * kScanCost);
  Text out;
  std::size_t begin = 0;
  const auto flush = [&](std::size_t end) {
    if (begin == end) return;
    const std::size_t first = code_point_at(text.view(), begin).size;
    out.append(upper(text.slice(begin, begin + first)));
    out.append(lower(text.slice(begin + first, end)));
  };
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text.view(), at);
    const bool separator =
        is_space(c.value) || (c.value < 0x80 && std::string_view("-({[<").find(static_cast<char>(c.value)) !=
                                                    std::string_view::npos);
    if (separator) {
      flush(at);
      out.append_slice(text, at, at + c.size);
      begin = at + c.size;
    }
    at += c.size;
  }
  flush(text.size());
  return out;
}

Value filter_trim(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "trim", {"chars"});
  const Text text = soft_text(input);
  return keep_markup(input,
                     strip(text, Side::both, bound.has(0) && !bound[0].is_none() ? &bound.text(0) : nullptr));
}

Value filter_replace(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "replace", {"old", "new", "count"}, 2);
  const std::int64_t count = bound.has(2) && !bound[2].is_none() ? bound.integer(2, -1) : -1;
  return replace(to_text(input), to_text(bound[0]), to_text(bound[1]), count);
}

Value filter_default(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "default", {"default_value", "boolean"});
  if (!input.is_undefined() && !(bound.flag(1, false) && !truth(input))) return input;
  return bound.has(0) ? bound[0] : make_trusted("");
}

Value filter_string(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "string", {});
  return input.text() != nullptr ? input : Value(to_text(input));
}

Value filter_safe(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "safe", {});
  return Markup{Text::share(to_text(input))};
}

template <bool force>
Value filter_escape(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "escape", {});
  if (input.is<Markup>() && !force) return input;
  return Markup{Text::share(escape_html(input))};
}

// Strings that int() and float() accept: surrounding white space, single underscores between digits.
std::string number_text(const Text& text) {
  const Text stripped = strip(text, Side::both, nullptr);
  charge(stripped.size() * kScanCost);
  const std::string_view given = stripped.view();
  const auto is_word = [&](std::size_t i) {
    return i < given.size() && std::isalnum(static_cast<unsigned char>(given[i])) != 0;
  };
  std::string digits;
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (given[i] != '_' || i == 0 || !is_word(i - 1) || !is_word(i + 1)) digits += given[i];
  }
  if (digits.starts_with('+') && !digits.starts_with("+-")) digits.erase(0, 1);
  return digits;
}

bool parse_real(const Text& text, double& value) {
  const std::string digits = number_text(text);
  const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (status == std::errc::result_out_of_range) fail("the number {} is out of range", digits);
  return status == std::errc() && end == digits.data() + digits.size() &&
         digits.find('(') == std::string::npos;
}

bool parse_integer(const Text& text, std::int64_t base, std::int64_t& value) {
  std::string digits = number_text(text);
  const std::size_t sign = digits.starts_with('-') ? 1 : 0;
  static constexpr std::pair<std::string_view, std::int64_t> kPrefixes[] = {{"0x", 16}, {"0o", 8}, {"0b", 2}};
  for (const auto& [prefix, its_base] : kPrefixes) {
    if (its_base == base && digits.size() > sign + 2 && digits[sign] == '0' &&
        (digits[sign + 1] | 0x20) == prefix[1]) {
      digits.erase(sign, 2);
      break;
    }
  }
  if (base < 2 || base > 36) fail("the base {} of int is not supported", base);
  const auto [end, status] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, static_cast<int>(base));
  if (status == std::errc::result_out_of_range)
    fail("the integer {} leaves the supported 64-bit range", digits);
  return status == std::errc() && end == digits.data() + digits.size();
}

std::int64_t truncate(double value) {
  constexpr double kLimit = 9.2e18;
  if (!(std::fabs(value) < kLimit)) fail("the number {} leaves the supported 64-bit range", value);
  return static_cast<std::int64_t>(value);
}

Value filter_int(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "int", {"default", "base"});
  Value otherwise = bound.has(0) ? bound[0] : Value(std::int64_t{0});
  if (input.is_undefined()) fail("an undefined value has no integer");
  if (const auto* real = input.get<double>()) {
    if (std::isnan(*real)) return otherwise;
    return truncate(*real);
  }
  if (input.is_number()) return to_index(input, "a number");
  if (input.text() == nullptr) return otherwise;
  std::int64_t integer = 0;
  if (parse_integer(*input.text(), bound.integer(1, 10), integer)) return integer;
  double real = 0;
  if (!parse_real(*input.text(), real) || std::isnan(real) || std::isinf(real)) return otherwise;
  return truncate(real);
}

Value filter_float(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "float", {"default"});
  if (input.is_undefined()) fail("an undefined value has no number");
  if (const auto* real = input.get<double>()) return *real;
  if (input.is_number()) return static_cast<double>(to_index(input, "a number"));
  double real = 0;
  if (input.text() != nullptr && parse_real(*input.text(), real)) return real;
  return bound.has(0) ? bound[0] : Value(0.0);
}

Value filter_abs(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "abs", {});
  if (const auto* real = input.get<double>()) return std::fabs(*real);
  const std::int64_t integer = to_index(input, "the input of abs");
  return integer < 0 ? binary_operation(Op::sub, std::int64_t{0}, integer) : Value(integer);
}

// Python's round(x, n): correct to the last digit, through the decimal text.
double round_half_even(double value, std::int64_t precision) {
  charge(kFormatCost + kDigitCost * static_cast<std::uint64_t>(std::clamp<std::int64_t>(precision, 0, 300)));
  if (precision >= 0) {
    const std::string digits =
        fmt::format("{:.{}f}", value, static_cast<int>(std::min<std::int64_t>(precision, 300)));
    double rounded = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), rounded);
    return rounded;
  }
  const double scale = std::pow(10.0, static_cast<double>(-std::max<std::int64_t>(precision, -300)));
  return std::nearbyint(value / scale) * scale;
}

Value filter_round(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "round", {"precision", "method"});
  const std::int64_t precision = bound.integer(0, 0);
  const std::string method = bound.has(1) ? bound.text(1).bytes() : "common";
  if (method != "common" && method != "ceil" && method != "floor") fail("round has no method '{}'", method);
  if (!input.is_number()) fail("a {} cannot be rounded", type_name(input));
  if (method == "common" && !input.is<double>()) {
    if (precision >= 0) return to_index(input, "a number");
    return static_cast<std::int64_t>(
        round_half_even(static_cast<double>(to_index(input, "a number")), precision));
  }
  const double value =
      input.is<double>() ? *input.get<double>() : static_cast<double>(to_index(input, "a number"));
  if (method == "common") return round_half_even(value, precision);
  const double scale = std::pow(10.0, static_cast<double>(precision));
  return (method == "ceil" ? std::ceil(value * scale) : std::floor(value * scale)) / scale;
}

Value filter_indent(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "indent", {"width", "first", "blank"});
  Text margin;
  if (bound.has(0) && bound[0].text() != nullptr) {
    margin = *bound[0].text();
  } else {
    margin.append_fill(static_cast<std::size_t>(std::max<std::int64_t>(bound.integer(0, 4), 0)),
                       Text::trusted(" "));
  }
  Text text = to_text(input);
  text.append("\n", false);  // so that a last line that ends in a newline counts
  const std::vector<Value> lines = split_lines(text, false);
  Text out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const Text& line = *lines[i].text();
    if (i > 0) out.append("\n", false);
    if (i == 0 ? bound.flag(1, false) : (bound.flag(2, false) || !line.empty())) out.append(margin);
    out.append(line);
  }
  return out;
}

Value filter_center(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "center", {"width"});
  return pad(soft_text(input), bound.integer(0, 80), Text::trusted(" "), Side::both);
}

Value filter_format(Evaluator&, const Value& input, const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty())
    fail("format takes positional or named values");
  if (arguments.named.empty()) {
    return format_percent(soft_text(input), make_sequence(arguments.positional, Sequence::Kind::tuple));
  }
  std::vector<std::pair<Value, Value>> items;
  for (const auto& [name, value] : arguments.named) insert_item(items, make_trusted(name), value);
  return format_percent(soft_text(input), make_mapping(std::move(items)));
}

Value filter_truncate(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "truncate", {"length", "killwords", "end", "leeway"});
  const std::int64_t length = bound.integer(0, 255);
  const Text end = bound.has(2) ? bound.text(2) : Text::trusted("...");
  const std::int64_t leeway = bound.has(3) && !bound[3].is_none() ? bound.integer(3, 5) : 5;
  const auto size = [](const Text& text) {
    return static_cast<std::int64_t>(count_code_points(text.view()));
  };
  if (length < size(end) || leeway < 0)
    fail("truncate needs a length of at least {} and a leeway of at least 0", size(end));
  const Text text = to_text(input);
  if (size(text) <= length || size(text) - length <= leeway) return text;
  const Value kept = slice_value(text, None{}, length - size(end), None{});
  Text out = *kept.text();
  if (!bound.flag(1, false)) {
    const std::size_t space = out.view().rfind(' ');
    if (space != std::string_view::npos) out = out.slice(0, space);
  }
  out.append(end);
  return out;
}

constexpr std::uint64_t kWordCost = 4 * kScanCost;  // two tables for each character

Value filter_word_count(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "wordcount", {});
  const Text text = soft_text(input);
  charge(text.size() * kWordCost);
  std::int64_t words = 0;
  bool inside = false;
  for (std::size_t at = 0; at < text.size(); at += code_point_at(text.view(), at).size) {
    const char32_t c = code_point_at(text.view(), at).value;
    const bool word = c == U'_' || is_alpha(c) || is_numeric(c);
    words += word && !inside ? 1 : 0;
    inside = word;
  }
  return words;
}

Value filter_json(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "tojson", {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ascii = bound.flag(0, false);
  style.sort_keys = bound.flag(3, false);
  if (bound.has(1) && !bound[1].is_none()) {
    style.item_separator = Text::trusted(",");
    Text indent;
    if (bound[1].text() != nullptr) {
      indent = *bound[1].text();
    } else {
      indent.append_fill(static_cast<std::size_t>(std::max<std::int64_t>(bound.integer(1, 0), 0)),
                         Text::trusted(" "));
    }
    style.indent = std::move(indent);
  }
  if (bound.has(2) && !bound[2].is_none()) {
    const std::vector<Value> parts = iterate(bound[2]);
    if (parts.size() != 2 || parts[0].text() == nullptr || parts[1].text() == nullptr) {
      fail("the separators of tojson are two strings");
    }
    style.item_separator = *parts[0].text();
    style.key_separator = *parts[1].text();
  }
  return to_json(input, style);
}

constexpr FilterEntry kFilters[] = {
    {"abs", filter_abs},
    {"capitalize", filter_map<capitalize>},
    {"center", filter_center},
    {"d", filter_default},
    {"default", filter_default},
    {"e", filter_escape<false>},
    {"escape", filter_escape<false>},
    {"float", filter_float},
    {"forceescape", filter_escape<true>},
    {"format", filter_format},
    {"indent", filter_indent},
    {"int", filter_int},
    {"lower", filter_map<lower>},
    {"replace", filter_replace},
    {"round", filter_round},
    {"safe", filter_safe},
    {"string", filter_string},
    {"title", filter_map<title_words>},
    {"tojson", filter_json},
    {"trim", filter_trim},
    {"truncate", filter_truncate},
    {"upper", filter_map<upper>},
    {"wordcount", filter_word_count},
};

}  // namespace

Text escape_html(const Value& value) {
  static constexpr std::pair<char, std::string_view> kEscapes[] = {
      {'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&#34;"}, {'\'', "&#39;"}};
  const Text text = to_text(value);
  charge(text.size() * 2);
  Text out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t found = std::min(text.view().find_first_of("&<>\"'", at), text.size());
    out.append_slice(text, at, found);
    if (found == text.size()) break;
    const auto* const escape = std::find_if(std::begin(kEscapes), std::end(kEscapes), [&](const auto& entry) {
      return entry.first == text.view()[found];
    });
    out.append(escape->second, text.is_data(found));
    at = found + 1;
  }
  return out;
}

std::span<const FilterEntry> scalar_filters() { return kFilters; }

FilterFunction find_filter(std::string_view name) {
  for (const auto table : {scalar_filters(), sequence_filters()}) {
    const auto found = std::find_if(table.begin(), table.end(),
                                    [&](const FilterEntry& entry) { return entry.name == name; });
    if (found != table.end()) return found->filter;
  }
  return nullptr;
}

}  // namespace armorm::text::jinja
