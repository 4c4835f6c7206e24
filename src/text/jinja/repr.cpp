// str() and repr() of the values.
#include <fmt/core.h>

#include <charconv>
#include <cmath>

#include "text/jinja/callable.h"
#include "text/jinja/failure.h"
#include "text/jinja/python_unicode.h"
#include "text/jinja/value.h"

namespace armorm::text::jinja {
namespace {

void append_items(Text& out, const std::vector<Value>& items, std::string_view open, std::string_view close) {
  out.append(open, false);
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out.append(", ", false);
    append_repr(out, items[i]);
  }
  out.append(close, false);
}

void append_sequence(Text& out, const Sequence& sequence) {
  switch (sequence.kind) {
    case Sequence::Kind::list:
      return append_items(out, sequence.items, "[", "]");
    case Sequence::Kind::tuple:
      return append_items(out, sequence.items, "(", sequence.items.size() == 1 ? ",)" : ")");
    case Sequence::Kind::keys:
      return append_items(out, sequence.items, "dict_keys([", "])");
    case Sequence::Kind::values:
      return append_items(out, sequence.items, "dict_values([", "])");
    case Sequence::Kind::items:
      return append_items(out, sequence.items, "dict_items([", "])");
    case Sequence::Kind::range:
    case Sequence::Kind::generator:
      fail("a range or generator cannot be printed; pass it through the list filter");
  }
}

void append_mapping(Text& out, const Mapping& mapping) {
  out.append("{", false);
  bool first = true;
  for (const auto& [key, value] : mapping.items) {
    if (!first) out.append(", ", false);
    first = false;
    append_repr(out, key);
    out.append(": ", false);
    append_repr(out, value);
  }
  out.append("}", false);
}

// The functions have addresses there, so that nobody can expect a text.
bool append_object(Text& out, const Value& value) {
  if (const auto* callable = value.get<std::shared_ptr<const Callable>>()) {
    const bool macro = (*callable)->kind == Callable::Kind::macro;
    const std::string_view name = (*callable)->name;
    if (macro) {
      out.append("<Macro ", false);
      append_quoted_repr(out, Text::trusted(std::string(name)));
      out.append(">", false);
      return true;
    }
    if ((*callable)->kind != Callable::Kind::function || (name != "cycler" && name != "joiner")) return false;
    out.append(name == "cycler" ? "<class 'jinja2.utils.Cycler'>" : "<class 'jinja2.utils.Joiner'>", false);
    return true;
  }
  if (const auto* loop = value.get<std::shared_ptr<Loop>>()) {
    out.append(fmt::format("<LoopContext {}/{}>", (*loop)->index + 1, (*loop)->items.size()), false);
    return true;
  }
  return false;
}

// False for the types whose str() differs from their repr(), and for those without either here.
bool append_plain(Text& out, const Value& value) {
  if (value.is_none()) {
    out.append("None", false);
  } else if (const auto* boolean = value.get<bool>()) {
    out.append(*boolean ? "True" : "False", false);
  } else if (const auto* integer = value.get<std::int64_t>()) {
    out.append(fmt::format("{}", *integer), false);
  } else if (const auto* real = value.get<double>()) {
    out.append(format_float(*real), false);
  } else if (const Sequence* sequence = value.sequence()) {
    append_sequence(out, *sequence);
  } else if (const Mapping* mapping = value.mapping()) {
    append_mapping(out, *mapping);
  } else {
    return append_object(out, value);
  }
  return true;
}

void append_escape(Text& out, char32_t c, bool data) {
  const auto code = static_cast<std::uint32_t>(c);
  out.append(code < 0x100     ? fmt::format("\\x{:02x}", code)
             : code < 0x10000 ? fmt::format("\\u{:04x}", code)
                              : fmt::format("\\U{:08x}", code),
             data);
}

}  // namespace

std::string format_float(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[64];
  const char* const end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string_view shortest(buffer, static_cast<std::size_t>(end - buffer));
  const int exponent = std::stoi(std::string(shortest.substr(shortest.find('e') + 1)));
  // Python's repr uses exponents outside 1e-4 .. 1e16.
  if (exponent < -4 || exponent >= 16) return std::string(shortest);
  char* const fixed_end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed).ptr;
  std::string fixed(buffer, fixed_end);
  return fixed.find('.') == std::string::npos ? fixed + ".0" : fixed;
}

void append_quoted_repr(Text& out, const Text& text) {
  const bool has_single = text.bytes().find('\'') != std::string::npos;
  const bool has_double = text.bytes().find('"') != std::string::npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  out.append({&quote, 1}, false);
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text.view(), at);
    const bool data = text.is_data(at);
    if (c.value == static_cast<char32_t>(quote) || c.value == U'\\') out.append("\\", data);
    if (c.value == U'\n') {
      out.append("\\n", data);
    } else if (c.value == U'\r') {
      out.append("\\r", data);
    } else if (c.value == U'\t') {
      out.append("\\t", data);
    } else if (!is_printable(c.value)) {
      append_escape(out, c.value, data);
    } else {
      out.append_slice(text, at, at + c.size);
    }
    at += c.size;
  }
  out.append({&quote, 1}, false);
}

void append_repr(Text& out, const Value& value) {
  if (value.is<Markup>()) {
    out.append("Markup(", false);
    append_quoted_repr(out, *value.text());
    return out.append(")", false);
  }
  if (const Text* text = value.text()) return append_quoted_repr(out, *text);
  if (value.is_undefined()) return out.append("Undefined", false);
  if (!append_plain(out, value)) fail("a {} cannot be printed", type_name(value));
}

void append_string(Text& out, const Value& value) {
  if (const Text* text = value.text()) return out.append(*text);
  if (value.is_undefined()) return;
  if (!append_plain(out, value)) fail("a {} cannot be printed", type_name(value));
}

Text to_text(const Value& value) {
  Text text;
  append_string(text, value);
  return text;
}

}  // namespace armorm::text::jinja
