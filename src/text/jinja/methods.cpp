// Methods of str, dict, list and tuple.
#include <algorithm>
#include <span>
#include <utility>

#include "text/jinja/eval.h"
#include "text/jinja/failure.h"
#include "text/jinja/python_unicode.h"
#include "text/jinja/strings.h"

namespace armorm::text::jinja {
namespace {

using Method = Value (*)(Evaluator&, const Value&, const Arguments&);
struct Entry {
  std::string_view name;
  Method method;
};

const Text& self_text(const Value& self) { return *self.text(); }

template <Side side>
Value method_strip(Evaluator&, const Value& self, const Arguments& arguments) {
  const Bound bound(arguments, "strip", {"chars"});
  return strip(self_text(self), side, bound.has(0) && !bound[0].is_none() ? &bound.text(0) : nullptr);
}

template <bool from_right>
Value method_split(Evaluator&, const Value& self, const Arguments& arguments) {
  const Bound bound(arguments, "split", {"sep", "maxsplit"});
  const Text* separator = bound.has(0) && !bound[0].is_none() ? &bound.text(0) : nullptr;
  return make_sequence(split(self_text(self), separator, bound.integer(1, -1), from_right));
}

Value method_split_lines(Evaluator&, const Value& self, const Arguments& arguments) {
  const Bound bound(arguments, "splitlines", {"keepends"});
  return make_sequence(split_lines(self_text(self), bound.flag(0, false)));
}

template <bool from_right>
Value method_partition(Evaluator&, const Value& self, const Arguments& arguments) {
  const Bound bound(arguments, "partition", {"sep"}, 1);
  return make_sequence(partition(self_text(self), bound.text(0), from_right), Sequence::Kind::tuple);
}

template <bool at_end>
Value method_affix(Evaluator&, const Value& self, const Arguments& arguments) {
  const Bound bound(arguments, at_end ? "endswith" : "startswith", {"prefix"}, 1);
  const std::string_view text = self_text(self).view();
  const auto matches = [&](const Value& affix) {
    if (affix.text() == nullptr) fail("startswith and endswith need a string, not {}", type_name(affix));
    charge(kScanCost + std::min(text.size(), affix.text()->size()));
    return at_end ? text.ends_with(affix.text()->view()) : text.starts_with(affix.text()->view());
  };
  const Sequence* several = bound[0].sequence();
  if (several == nullptr || several->kind != Sequence::Kind::tuple) return matches(bound[0]);
  return std::any_of(several->items.begin(), several->items.end(), matches);
}

template <bool at_end>
Value method_remove_affix(Evaluator&, const Value& self, const Arguments& arguments) {
  const Bound bound(arguments, "removeprefix", {"prefix"}, 1);
  const Text& text = self_text(self);
  const std::size_t size = bound.text(0).size();
  if (at_end) return text.view().ends_with(bound.text(0).view()) ? text.slice(0, text.size() - size) : text;
  return text.view().starts_with(bound.text(0).view()) ? text.slice(size, text.size()) : text;
}

template <Text (*function)(const Text&)>
Value method_map(Evaluator&, const Value& self, const Arguments& arguments) {
  const Bound bound(arguments, "this method", {});
  return function(self_text(self));
}

Value method_replace(Evaluator&, const Value& self, const Arguments& arguments) {
  const Bound bound(arguments, "replace", {"old", "new", "count"}, 2);
  return replace(self_text(self), bound.text(0), bound.text(1), bound.integer(2, -1));
}

Value method_join(Evaluator&, const Value& self, const Arguments& arguments) {
  const Bound bound(arguments, "join", {"iterable"}, 1);
  Text out;
  bool first = true;
  for (const Value& item : iterate(bound[0])) {
    if (item.text() == nullptr) fail("join needs strings, found {}", type_name(item));
    if (!std::exchange(first, false)) out.append(self_text(self));
    out.append(*item.text());
  }
  return out;
}

// find and its relatives count in code points.
std::int64_t search(const Text& text, const Bound& bound, bool from_right) {
  const Value part = slice_value(text, bound.has(1) ? bound[1] : Value(None{}),
                                 bound.has(2) ? bound[2] : Value(None{}), None{});
  const std::string_view window = part.text()->view();
  const std::string_view wanted = bound.text(0).view();
  charge(text.size());
  const std::size_t at =
      from_right ? BackwardSearch(window, wanted).find(window.size()) : find_bytes(window, wanted, 0);
  if (at == std::string_view::npos) return -1;
  std::int64_t offset = bound.integer(1, 0);
  const auto length = static_cast<std::int64_t>(count_code_points(text.view()));
  if (offset < 0) offset = std::max<std::int64_t>(offset + length, 0);
  if (offset > length) return -1;
  return offset + static_cast<std::int64_t>(count_code_points(window.substr(0, at)));
}

template <bool from_right, bool must>
Value method_find(Evaluator&, const Value& self, const Arguments& arguments) {
  const Bound bound(arguments, must ? "index" : "find", {"sub", "start", "end"}, 1);
  const std::int64_t at = search(self_text(self), bound, from_right);
  if (must && at < 0) fail("the substring was not found");
  return at;
}

Value method_count(Evaluator&, const Value& self, const Arguments& arguments) {
  const Bound bound(arguments, "count", {"sub"}, 1);
  const Text& text = self_text(self);
  const Text& part = bound.text(0);
  if (part.empty()) return static_cast<std::int64_t>(count_code_points(text.view()) + 1);
  std::int64_t count = 0;
  for (std::size_t at = find_bytes(text.view(), part.view(), 0); at != std::string_view::npos; ++count) {
    at = find_bytes(text.view(), part.view(), at + part.size());
  }
  return count;
}

constexpr std::uint64_t kClassCost = 4 * kScanCost;  // up to four tables for each character

template <bool (*function)(char32_t)>
Value method_all(Evaluator&, const Value& self, const Arguments& arguments) {
  const Bound bound(arguments, "this method", {});
  const std::string_view text = self_text(self).view();
  charge(text.size() * kClassCost);
  for (std::size_t at = 0; at < text.size(); at += code_point_at(text, at).size) {
    if (!function(code_point_at(text, at).value)) return false;
  }
  return !text.empty();
}

bool is_alnum(char32_t c) { return is_alpha(c) || is_decimal(c) || is_digit(c) || is_numeric(c); }

// isupper and islower: at least one cased character, and none of the other case.
template <bool (*wanted)(char32_t), bool (*other)(char32_t)>
Value method_case(Evaluator&, const Value& self, const Arguments& arguments) {
  const Bound bound(arguments, "this method", {});
  const std::string_view text = self_text(self).view();
  charge(text.size() * kClassCost);
  bool any = false;
  for (std::size_t at = 0; at < text.size(); at += code_point_at(text, at).size) {
    const char32_t c = code_point_at(text, at).value;
    if (other(c) || is_title(c)) return false;
    any |= wanted(c);
  }
  return any;
}

template <Side side>
Value method_pad(Evaluator&, const Value& self, const Arguments& arguments) {
  const Bound bound(arguments, "center", {"width", "fillchar"}, 1);
  return pad(self_text(self), bound.integer(0, 0), bound.has(1) ? bound.text(1) : Text::trusted(" "), side);
}

Value method_zfill(Evaluator&, const Value& self, const Arguments& arguments) {
  const Bound bound(arguments, "zfill", {"width"}, 1);
  const Text& text = self_text(self);
  const std::size_t sign = text.view().starts_with('-') || text.view().starts_with('+') ? 1 : 0;
  Text out = text.slice(0, sign);
  const std::int64_t width = bound.integer(0, 0) - static_cast<std::int64_t>(sign);
  out.append(pad(text.slice(sign, text.size()), width, Text::trusted("0"), Side::right));
  return out;
}

Value method_format(Evaluator& evaluator, const Value& self, const Arguments& arguments) {
  return format_braces(evaluator, self_text(self), arguments);
}

template <Sequence::Kind kind>
Value method_view(Evaluator&, const Value& self, const Arguments& arguments) {
  const Bound bound(arguments, "a dict view", {});
  std::vector<Value> items;
  for (const auto& [key, value] : self.mapping()->items) {
    items.push_back(kind == Sequence::Kind::keys     ? key
                    : kind == Sequence::Kind::values ? value
                                                     : make_sequence({key, value}, Sequence::Kind::tuple));
  }
  return make_sequence(std::move(items), kind);
}

Value method_get(Evaluator&, const Value& self, const Arguments& arguments) {
  const Bound bound(arguments, "get", {"key", "default"}, 1);
  if (const Value* held = self.mapping()->find(bound[0])) return *held;
  return bound.has(1) ? bound[1] : Value(None{});
}

Value method_copy(Evaluator&, const Value& self, const Arguments& arguments) {
  const Bound bound(arguments, "copy", {});
  return self;
}

Value method_item_index(Evaluator&, const Value& self, const Arguments& arguments) {
  const Bound bound(arguments, "index", {"value"}, 1);
  const auto& items = self.sequence()->items;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (equal(items[i], bound[0])) return static_cast<std::int64_t>(i);
  }
  fail("the value is not in the list");
}

Value method_item_count(Evaluator&, const Value& self, const Arguments& arguments) {
  const Bound bound(arguments, "count", {"value"}, 1);
  const auto& items = self.sequence()->items;
  return static_cast<std::int64_t>(
      std::count_if(items.begin(), items.end(), [&](const Value& item) { return equal(item, bound[0]); }));
}

Value method_refused(Evaluator&, const Value& self, const Arguments&) {
  fail("a method that changes a {} is not allowed in a template", type_name(self));
}

constexpr Entry kStringMethods[] = {
    {"strip", method_strip<Side::both>},
    {"lstrip", method_strip<Side::left>},
    {"rstrip", method_strip<Side::right>},
    {"split", method_split<false>},
    {"rsplit", method_split<true>},
    {"splitlines", method_split_lines},
    {"partition", method_partition<false>},
    {"rpartition", method_partition<true>},
    {"startswith", method_affix<false>},
    {"endswith", method_affix<true>},
    {"removeprefix", method_remove_affix<false>},
    {"removesuffix", method_remove_affix<true>},
    {"upper", method_map<upper>},
    {"lower", method_map<lower>},
    {"title", method_map<title>},
    {"capitalize", method_map<capitalize>},
    {"swapcase", method_map<swap_case>},
    {"replace", method_replace},
    {"join", method_join},
    {"find", method_find<false, false>},
    {"rfind", method_find<true, false>},
    {"index", method_find<false, true>},
    {"rindex", method_find<true, true>},
    {"count", method_count},
    {"isalpha", method_all<is_alpha>},
    {"isdigit", method_all<is_digit>},
    {"isdecimal", method_all<is_decimal>},
    {"isnumeric", method_all<is_numeric>},
    {"isalnum", method_all<is_alnum>},
    {"isspace", method_all<is_space>},
    {"isupper", method_case<is_upper, is_lower>},
    {"islower", method_case<is_lower, is_upper>},
    {"center", method_pad<Side::both>},
    {"ljust", method_pad<Side::left>},
    {"rjust", method_pad<Side::right>},
    {"zfill", method_zfill},
    {"format", method_format},
};
constexpr Entry kDictMethods[] = {
    {"items", method_view<Sequence::Kind::items>},
    {"keys", method_view<Sequence::Kind::keys>},
    {"values", method_view<Sequence::Kind::values>},
    {"get", method_get},
    {"copy", method_copy},
    {"update", method_refused},
    {"pop", method_refused},
    {"popitem", method_refused},
    {"clear", method_refused},
    {"setdefault", method_refused},
};
constexpr Entry kListMethods[] = {
    {"index", method_item_index}, {"count", method_item_count}, {"copy", method_copy},
    {"append", method_refused},   {"extend", method_refused},   {"insert", method_refused},
    {"pop", method_refused},      {"remove", method_refused},   {"clear", method_refused},
    {"sort", method_refused},     {"reverse", method_refused},
};

const Entry* find_method(const Value& value, std::string_view name) {
  std::span<const Entry> table;
  if (value.text() != nullptr) table = kStringMethods;
  if (value.mapping() != nullptr) table = kDictMethods;
  const Sequence* sequence = value.sequence();
  // Tuples have only the first two methods of lists.
  if (sequence != nullptr && sequence->kind == Sequence::Kind::list) table = kListMethods;
  if (sequence != nullptr && sequence->kind == Sequence::Kind::tuple)
    table = std::span(kListMethods).first(2);
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const Entry& entry) { return entry.name == name; });
  return found == table.end() ? nullptr : &*found;
}

}  // namespace

std::string_view method_name(const Value& value, std::string_view name) {
  const Entry* entry = find_method(value, name);
  return entry == nullptr ? std::string_view() : entry->name;
}

Value call_method(Evaluator& evaluator, const Value& self, std::string_view name,
                  const Arguments& arguments) {
  for (const Value& argument : arguments.positional) charge(weight(argument));
  const Entry* entry = find_method(self, name);
  if (entry == nullptr) fail("a {} has no method '{}'", type_name(self), name);
  return entry->method(evaluator, self, arguments);
}

}  // namespace armorm::text::jinja
