// Attributes, items, slices and operators.
#include <algorithm>
#include <cmath>
#include <compare>

#include "text/jinja/eval.h"
#include "text/jinja/failure.h"
#include "text/jinja/limits.h"
#include "text/jinja/python_unicode.h"

namespace armorm::text::jinja {
namespace {

std::size_t byte_of(const Text& text, std::size_t code_points) {
  std::size_t at = 0;
  while (code_points-- > 0) at += code_point_at(text.view(), at).size;
  return at;
}

// Python's index rule; false when out of range.
bool resolve_index(std::int64_t index, std::size_t length, std::size_t& resolved) {
  const auto count = static_cast<std::int64_t>(length);
  if (index < 0) index += count;
  if (index < 0 || index >= count) return false;
  resolved = static_cast<std::size_t>(index);
  return true;
}

Value index_value(const Value& value, std::int64_t index) {
  std::size_t at = 0;
  if (const Text* text = value.text()) {
    const bool ascii = is_ascii(text->view());
    if (!resolve_index(index, ascii ? text->size() : count_code_points(text->view()), at)) return {};
    const std::size_t begin = ascii ? at : byte_of(*text, at);
    return text->slice(begin, begin + code_point_at(text->view(), begin).size);
  }
  const Sequence* sequence = value.sequence();
  if (sequence == nullptr || sequence->kind > Sequence::Kind::range) return {};
  return resolve_index(index, sequence->items.size(), at) ? sequence->items[at] : Value();
}

struct Slice {
  std::int64_t begin;
  std::int64_t end;
  std::int64_t step;
};

Slice resolve_slice(const Value& begin, const Value& end, const Value& step, std::int64_t length) {
  Slice slice{0, length, step.is_none() ? 1 : to_index(step, "the step of a slice")};
  if (slice.step == 0) fail("the step of a slice is 0");
  const std::int64_t lowest = slice.step < 0 ? -1 : 0;
  const std::int64_t highest = slice.step < 0 ? length - 1 : length;
  const auto clamp = [&](const Value& bound, std::int64_t otherwise) {
    if (bound.is_none()) return otherwise;
    std::int64_t index = to_index(bound, "the bound of a slice");
    if (index < 0) index = std::max(index, -length - 1) + length;
    return std::clamp(index, lowest, std::max(highest, lowest));
  };
  slice.begin = clamp(begin, slice.step < 0 ? highest : lowest);
  slice.end = clamp(end, slice.step < 0 ? lowest : highest);
  slice.step = std::clamp(slice.step, -length - 1, length + 1);
  return slice;
}

template <class Visit>
void visit_slice(const Slice& slice, Visit visit) {
  for (std::int64_t i = slice.begin; slice.step > 0 ? i < slice.end : i > slice.end; i += slice.step) {
    visit(static_cast<std::size_t>(i));
  }
}

Text slice_text(const Text& text, const Value& begin, const Value& end, const Value& step) {
  std::vector<std::size_t> starts;
  for (std::size_t at = 0; at < text.size(); at += code_point_at(text.view(), at).size) starts.push_back(at);
  const Slice slice = resolve_slice(begin, end, step, static_cast<std::int64_t>(starts.size()));
  starts.push_back(text.size());
  if (slice.step == 1) {
    const std::int64_t last = std::max(slice.begin, slice.end);
    return text.slice(starts[static_cast<std::size_t>(slice.begin)], starts[static_cast<std::size_t>(last)]);
  }
  Text part;
  visit_slice(slice, [&](std::size_t i) { part.append_slice(text, starts[i], starts[i + 1]); });
  return part;
}

// By reference: the operation that returns the overflow flag writes the value.
std::int64_t checked(bool overflow, const std::int64_t& value) {
  if (overflow) fail("an integer leaves the supported 64-bit range");
  return value;
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  if (b == -1) {
    std::int64_t result = 0;
    return checked(__builtin_sub_overflow(std::int64_t{0}, a, &result), result);
  }
  return a / b - ((a % b != 0 && (a % b < 0) != (b < 0)) ? 1 : 0);
}

double floor_mod(double a, double b) {
  const double rest = std::fmod(a, b);
  return rest != 0.0 && (rest < 0) != (b < 0) ? rest + b : (rest == 0.0 ? std::copysign(0.0, b) : rest);
}

std::int64_t integer_power(std::int64_t base, std::int64_t exponent) {
  std::int64_t result = 1;
  while (exponent > 0) {
    if (exponent & 1) result = checked(__builtin_mul_overflow(result, base, &result), result);
    exponent >>= 1;
    if (exponent > 0) base = checked(__builtin_mul_overflow(base, base, &base), base);
  }
  return result;
}

Value integer_operation(Op op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  const bool divides = op == Op::div || op == Op::floor_div || op == Op::mod;
  if (divides && b == 0) fail("division by zero");
  switch (op) {
    case Op::add:
      return checked(__builtin_add_overflow(a, b, &result), result);
    case Op::sub:
      return checked(__builtin_sub_overflow(a, b, &result), result);
    case Op::mul:
      return checked(__builtin_mul_overflow(a, b, &result), result);
    case Op::div:
      return static_cast<double>(a) / static_cast<double>(b);
    case Op::floor_div:
      return floor_div(a, b);
    case Op::mod:
      return b == -1 ? std::int64_t{0} : a - floor_div(a, b) * b;
    default:
      if (b >= 0) return integer_power(a, b);
      if (a == 0) fail("zero cannot be raised to a negative power");
      return std::pow(static_cast<double>(a), static_cast<double>(b));
  }
}

Value real_operation(Op op, double a, double b) {
  const bool divides = op == Op::div || op == Op::floor_div || op == Op::mod;
  if (divides && b == 0) fail("division by zero");
  switch (op) {
    case Op::add:
      return a + b;
    case Op::sub:
      return a - b;
    case Op::mul:
      return a * b;
    case Op::div:
      return a / b;
    case Op::floor_div:
      return std::floor((a - floor_mod(a, b)) / b + 0.5);
    case Op::mod:
      return floor_mod(a, b);
    default: {
      const double power = std::pow(a, b);
      if (!std::isfinite(power) && std::isfinite(a) && std::isfinite(b)) fail("a power is out of range");
      if (std::isnan(power) && !std::isnan(a) && !std::isnan(b)) fail("a power is out of range");
      return power;
    }
  }
}

double number(const Value& value) {
  if (const auto* real = value.get<double>()) return *real;
  return static_cast<double>(to_index(value, "a number"));
}

Value add_texts(const Value& a, const Value& b) {
  Text text;
  const bool markup = a.is<Markup>() || b.is<Markup>();
  for (const Value* part : {&a, &b}) {
    if (markup && !part->is<Markup>()) {
      text.append(escape_html(*part));
    } else {
      text.append(*part->text());
    }
  }
  if (markup) return Markup{std::make_shared<const Text>(std::move(text))};
  return text;
}

Value repeat(const Value& value, std::int64_t times) {
  const auto count = static_cast<std::size_t>(std::max<std::int64_t>(times, 0));
  if (const Text* text = value.text()) {
    Text repeated;
    if (!text->empty()) repeated.append_fill(count, *text);
    return repeated;
  }
  const std::vector<Value>& items = value.sequence()->items;
  if (!items.empty() && count > kMaxItems / items.size()) fail("a list grows past {} items", kMaxItems);
  std::vector<Value> repeated;
  for (std::size_t i = 0; i < (items.empty() ? 0 : count); ++i)
    repeated.insert(repeated.end(), items.begin(), items.end());
  return make_sequence(std::move(repeated), value.sequence()->kind);
}

bool is_repeatable(const Value& value) {
  const Sequence* sequence = value.sequence();
  return value.text() != nullptr || (sequence != nullptr && sequence->kind <= Sequence::Kind::tuple);
}

bool is_integer(const Value& value) { return value.is<std::int64_t>() || value.is<bool>(); }

}  // namespace

Value binary_operation(Op op, const Value& a, const Value& b) {
  if (is_integer(a) && is_integer(b)) return integer_operation(op, to_index(a, ""), to_index(b, ""));
  if (a.is_number() && b.is_number()) return real_operation(op, number(a), number(b));
  if (op == Op::add && a.text() != nullptr && b.text() != nullptr) return add_texts(a, b);
  if (op == Op::mod && a.text() != nullptr) return format_percent(*a.text(), b);
  const Sequence* x = a.sequence();
  const Sequence* y = b.sequence();
  if (op == Op::add && x != nullptr && y != nullptr && x->kind == y->kind &&
      x->kind <= Sequence::Kind::tuple) {
    std::vector<Value> items = x->items;
    items.insert(items.end(), y->items.begin(), y->items.end());
    return make_sequence(std::move(items), x->kind);
  }
  if (op == Op::mul && is_repeatable(a) && is_integer(b)) return repeat(a, to_index(b, ""));
  if (op == Op::mul && is_integer(a) && is_repeatable(b)) return repeat(b, to_index(a, ""));
  if (a.is_undefined() || b.is_undefined()) {
    const auto* name = (a.is_undefined() ? a : b).get<Undefined>()->name;
    fail("'{}' is undefined", name == nullptr ? "a value" : *name);
  }
  fail("this operator does not take {} and {}", type_name(a), type_name(b));
}

bool compare_operation(Op op, const Value& a, const Value& b) {
  switch (op) {
    case Op::eq:
      return equal(a, b);
    case Op::ne:
      return !equal(a, b);
    case Op::in:
      return contains(b, a);
    case Op::not_in:
      return !contains(b, a);
    default:
      break;
  }
  const std::partial_ordering order = compare(a, b);
  return op == Op::lt ? order < 0 : op == Op::le ? order <= 0 : op == Op::gt ? order > 0 : order >= 0;
}

Value slice_value(const Value& value, const Value& begin, const Value& end, const Value& step) {
  if (const Text* text = value.text()) return slice_text(*text, begin, end, step);
  const Sequence* sequence = value.sequence();
  if (value.is_undefined()) fail("an undefined value cannot be sliced");
  if (sequence == nullptr || sequence->kind > Sequence::Kind::range) return {};
  const auto length = static_cast<std::int64_t>(sequence->items.size());
  std::vector<Value> part;
  visit_slice(resolve_slice(begin, end, step, length),
              [&](std::size_t i) { part.push_back(sequence->items[i]); });
  return make_sequence(std::move(part), sequence->kind);
}

Value Evaluator::attribute(const Value& value, std::string_view name) {
  // The sandbox returns an undefined value for Python's own attributes; an undefined value itself has only
  // __class__.
  if (name.starts_with("__") && (!value.is_undefined() || name == "__class__")) return {};
  if (const auto* undefined = value.get<Undefined>()) {
    fail("'{}' is undefined, so it has no attribute '{}'", undefined->name ? *undefined->name : "a value",
         name);
  }
  if (value.is<std::shared_ptr<Loop>>()) return loop_attribute(value, name);
  if (Namespace* const* space = value.get<Namespace*>()) {
    if ((*space)->kind == Namespace::Kind::cycler) return cycler_attribute(value, name);
    const Value* held = (*space)->find(name);
    return held == nullptr ? Value() : *held;
  }
  if (const Sequence* pair = value.sequence();
      pair != nullptr && pair->group && (name == "grouper" || name == "list"))
    return pair->items[name == "list" ? 1 : 0];
  if (const std::string_view known = method_name(value, name); !known.empty()) {
    auto method = std::make_shared<Callable>();
    method->kind = Callable::Kind::method;
    method->name = known;
    method->self = value;
    return std::shared_ptr<const Callable>(std::move(method));
  }
  const Mapping* mapping = value.mapping();
  const Value* held = mapping == nullptr ? nullptr : mapping->find(name);
  return held == nullptr ? Value() : *held;
}

Value Evaluator::item(const Value& value, const Value& key) {
  if (value.is_undefined()) return attribute(value, "[...]");
  if (const Mapping* mapping = value.mapping()) {
    charge(mapping->items.size());
    if (const Value* held = mapping->find(key)) return *held;
  }
  if (const Text* name = key.text()) {
    if (value.mapping() != nullptr && !has_method(value, name->view())) return {};
    return attribute(value, name->view());
  }
  if (!is_integer(key) || value.mapping() != nullptr) return {};
  if (value.text() != nullptr) charge(weight(value));
  return index_value(value, to_index(key, ""));
}

}  // namespace armorm::text::jinja
