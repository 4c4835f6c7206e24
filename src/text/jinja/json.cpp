// The tojson filter as transformers defines it: json.dumps with ensure_ascii off by default.
#include "text/jinja/json.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "text/jinja/failure.h"
#include "text/jinja/python_unicode.h"

namespace armorm::text::jinja {
namespace {

class Writer {
 public:
  explicit Writer(const JsonStyle& style) : style_(style) {}
  Text run(const Value& value) {
    write(value, 0);
    return std::move(out_);
  }

 private:
  void put(std::string_view text) { out_.append(text, false); }
  void new_line(std::size_t level) {
    if (!style_.indent) return;
    put("\n");
    for (std::size_t i = 0; i < level; ++i) out_.append(*style_.indent);
  }

  void write(const Value& value, std::size_t level) {
    if (const Text* text = value.text()) return write_string(*text);
    if (const Mapping* mapping = value.mapping()) return write_mapping(*mapping, level);
    const Sequence* sequence = value.sequence();
    if (sequence != nullptr && sequence->kind <= Sequence::Kind::tuple)
      return write_sequence(*sequence, level);
    put(scalar(value));
  }

  static std::string scalar(const Value& value) {
    if (value.is_none()) return "null";
    if (const auto* boolean = value.get<bool>()) return *boolean ? "true" : "false";
    if (const auto* integer = value.get<std::int64_t>()) return fmt::format("{}", *integer);
    const auto* real = value.get<double>();
    if (real == nullptr) fail("a {} cannot be written as JSON", type_name(value));
    if (std::isnan(*real)) return "NaN";
    if (std::isinf(*real)) return *real < 0 ? "-Infinity" : "Infinity";
    return format_float(*real);
  }

  void write_escape(char32_t c, bool data) {
    const auto code = static_cast<std::uint32_t>(c);
    if (code < 0x10000) return out_.append(fmt::format("\\u{:04x}", code), data);
    const std::uint32_t rest = code - 0x10000;
    out_.append(fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10U), 0xDC00 + (rest & 0x3FFU)), data);
  }

  void write_string(const Text& text) {
    static constexpr std::string_view kFrom = "\"\\\n\r\t\b\f";
    static constexpr std::string_view kTo = "\"\\nrtbf";
    charge(text.size() * kScanCost);
    put("\"");
    std::size_t plain = 0;  // where what needs no escape begins
    for (std::size_t at = 0; at < text.size();) {
      const CodePoint c = code_point_at(text.view(), at);
      const std::size_t known =
          c.value < 0x80 ? kFrom.find(static_cast<char>(c.value)) : std::string_view::npos;
      const bool coded = c.value < 0x20 || (style_.ascii && c.value >= 0x7F + 1);
      if (known != std::string_view::npos || coded) {
        out_.append_slice(text, plain, at);
        plain = at + c.size;
      }
      if (known != std::string_view::npos) {
        const char escape[] = {'\\', kTo[known]};
        out_.append({escape, 2}, text.is_data(at));
      } else if (coded) {
        write_escape(c.value, text.is_data(at));
      }
      at += c.size;
    }
    out_.append_slice(text, plain, text.size());
    put("\"");
  }

  void write_sequence(const Sequence& sequence, std::size_t level) {
    put("[");
    for (std::size_t i = 0; i < sequence.items.size(); ++i) {
      if (i > 0) out_.append(style_.item_separator);
      new_line(level + 1);
      write(sequence.items[i], level + 1);
    }
    if (!sequence.items.empty()) new_line(level);
    put("]");
  }

  void write_mapping(const Mapping& mapping, std::size_t level) {
    if (style_.sort_keys) {
      charge(mapping.items.size() * 2 * sizeof(Value));
      auto sorted = mapping.items;
      std::stable_sort(sorted.begin(), sorted.end(),
                       [](const auto& a, const auto& b) { return compare(a.first, b.first) < 0; });
      return write_items(sorted, level);
    }
    write_items(mapping.items, level);
  }

  void write_items(const std::vector<std::pair<Value, Value>>& items, std::size_t level) {
    put("{");
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_.append(style_.item_separator);
      new_line(level + 1);
      const Text* key = items[i].first.text();
      write_string(key != nullptr ? *key : Text::trusted(scalar(items[i].first)));
      out_.append(style_.key_separator);
      write(items[i].second, level + 1);
    }
    if (!items.empty()) new_line(level);
    put("}");
  }

  const JsonStyle& style_;
  Text out_;
};

}  // namespace

Text to_json(const Value& value, const JsonStyle& style) { return Writer(style).run(value); }

}  // namespace armorm::text::jinja
