#include "text/jinja/value.h"

#include <algorithm>
#include <cstring>

#include "text/jinja/callable.h"
#include "text/jinja/failure.h"
#include "text/jinja/limits.h"
#include "text/jinja/python_unicode.h"

namespace armorm::text::jinja {
namespace {

constexpr std::size_t kBoxBytes = 32;  // counters of a shared value, and the allocator's own

bool same_bytes(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  charge(a.size());
  return a == b;
}

int depth_of(const Value& value) {
  if (const Sequence* sequence = value.sequence()) return sequence->depth;
  if (const Mapping* mapping = value.mapping()) return mapping->depth;
  return 0;
}

void check_shape(std::size_t items, int depth) {
  if (items > kMaxItems) fail("a list grows past {} items", kMaxItems);
  if (depth > kMaxValueDepth) fail("lists are nested deeper than {}", kMaxValueDepth);
}

double as_double(const Value& value) {
  if (const auto* integer = value.get<std::int64_t>()) return static_cast<double>(*integer);
  if (const auto* boolean = value.get<bool>()) return *boolean ? 1.0 : 0.0;
  return *value.get<double>();
}

std::int64_t as_integer(const Value& value) {
  if (const auto* boolean = value.get<bool>()) return *boolean ? 1 : 0;
  return *value.get<std::int64_t>();
}

std::partial_ordering compare_numbers(const Value& a, const Value& b) {
  if (!a.is<double>() && !b.is<double>()) return as_integer(a) <=> as_integer(b);
  return as_double(a) <=> as_double(b);
}

bool is_view(const Sequence& sequence) {
  return sequence.kind == Sequence::Kind::keys || sequence.kind == Sequence::Kind::items;
}

bool equal_sequences(const Sequence& a, const Sequence& b) {
  if (&a == &b) return true;
  if (a.kind != b.kind || a.kind == Sequence::Kind::generator || a.kind == Sequence::Kind::values)
    return false;
  if (a.items.size() != b.items.size()) return false;
  if (is_view(a)) {
    return std::all_of(a.items.begin(), a.items.end(), [&](const Value& item) {
      return std::any_of(b.items.begin(), b.items.end(),
                         [&](const Value& other) { return equal(item, other); });
    });
  }
  return std::equal(a.items.begin(), a.items.end(), b.items.begin(), equal);
}

bool equal_mappings(const Mapping& a, const Mapping& b) {
  if (a.items.size() != b.items.size()) return false;
  return std::all_of(a.items.begin(), a.items.end(), [&](const auto& item) {
    const Value* other = b.find(item.first);
    return other != nullptr && equal(item.second, *other);
  });
}

std::partial_ordering compare_sequences(const Sequence& a, const Sequence& b) {
  for (std::size_t i = 0; i < a.items.size() && i < b.items.size(); ++i) {
    if (!equal(a.items[i], b.items[i])) return compare(a.items[i], b.items[i]);
  }
  return a.items.size() <=> b.items.size();
}

bool is_hashable(const Value& value) {
  charge(kScanCost);
  if (value.is<MappingPtr>()) return false;
  const Sequence* sequence = value.sequence();
  if (sequence == nullptr) return true;
  if (sequence->kind != Sequence::Kind::tuple) return sequence->kind == Sequence::Kind::range;
  return std::all_of(sequence->items.begin(), sequence->items.end(), is_hashable);
}

std::vector<Value> split_characters(const Text& text) {
  std::vector<Value> characters;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = code_point_at(text.view(), at).size;
    check_shape(characters.size() + 1, 1);
    characters.emplace_back(text.slice(at, at + size));
    at += size;
  }
  return characters;
}

}  // namespace

const Text* Value::text() const {
  if (const auto* text = get<TextPtr>()) return text->get();
  if (const auto* markup = get<Markup>()) return markup->text.get();
  return nullptr;
}

const Sequence* Value::sequence() const {
  const auto* pointer = get<SequencePtr>();
  return pointer == nullptr ? nullptr : pointer->get();
}

const Mapping* Value::mapping() const {
  const auto* pointer = get<MappingPtr>();
  return pointer == nullptr ? nullptr : pointer->get();
}

const Value* Mapping::find(const Value& key) const {
  for (const auto& [name, value] : items) {
    if (equal(name, key)) return &value;
  }
  return nullptr;
}

const Value* Mapping::find(std::string_view key) const {
  charge(items.size());
  for (const auto& [name, value] : items) {
    const Text* text = name.text();
    if (text != nullptr && same_bytes(text->view(), key)) return &value;
  }
  return nullptr;
}

const Value* Namespace::find(std::string_view name) const {
  charge(attributes.size() * kScanCost);
  for (const auto& [known, value] : attributes) {
    if (known == name) return &value;
  }
  return nullptr;
}

void Namespace::set(std::string_view name, Value value) {
  if (name.starts_with('_')) fail("a namespace takes no attribute named '{}'", name);
  charge(attributes.size() * kScanCost);
  for (auto& [known, held] : attributes) {
    if (known == name) {
      held = std::move(value);
      return;
    }
  }
  check_shape(attributes.size() + 1, 1);
  memory.add(name.size() + 2 * sizeof(attributes[0]));
  attributes.emplace_back(name, std::move(value));
}

Value make_sequence(std::vector<Value> items, Sequence::Kind kind) {
  auto sequence = std::make_shared<Sequence>();
  sequence->kind = kind;
  for (const Value& item : items) sequence->depth = std::max(sequence->depth, depth_of(item) + 1);
  check_shape(items.size(), sequence->depth);
  sequence->memory = Held(kBoxBytes + sizeof(Sequence) + items.capacity() * sizeof(Value));
  sequence->items = std::move(items);
  return SequencePtr(std::move(sequence));
}

Value make_mapping(std::vector<std::pair<Value, Value>> items) {
  auto mapping = std::make_shared<Mapping>();
  for (const auto& item : items) {
    mapping->depth = std::max({mapping->depth, depth_of(item.first) + 1, depth_of(item.second) + 1});
  }
  check_shape(items.size(), mapping->depth);
  mapping->memory = Held(kBoxBytes + sizeof(Mapping) + items.capacity() * 2 * sizeof(Value));
  mapping->items = std::move(items);
  return MappingPtr(std::move(mapping));
}

Value make_trusted(std::string_view text) { return Text::trusted(text); }

void insert_item(std::vector<std::pair<Value, Value>>& items, Value key, Value value) {
  if (!is_hashable(key)) fail("a {} cannot be the key of a dict", type_name(key));
  for (auto& [name, held] : items) {
    if (equal(name, key)) {
      held = std::move(value);
      return;
    }
  }
  check_shape(items.size() + 1, 1);
  items.emplace_back(std::move(key), std::move(value));
}

std::string type_name(const Value& value) {
  static constexpr const char* kNames[] = {"undefined", "NoneType", "bool", "int",       "float", "str",
                                           "Markup",    "list",     "dict", "namespace", "loop",  "callable"};
  static constexpr const char* kSequenceNames[] = {"list",      "tuple",       "range",     "generator",
                                                   "dict_keys", "dict_values", "dict_items"};
  if (const Sequence* sequence = value.sequence()) return kSequenceNames[static_cast<int>(sequence->kind)];
  if (value.is<Undefined>()) return kNames[0];
  if (value.is<None>()) return kNames[1];
  if (value.is<bool>()) return kNames[2];
  if (value.is<std::int64_t>()) return kNames[3];
  if (value.is<double>()) return kNames[4];
  if (value.is<TextPtr>()) return kNames[5];
  if (value.is<Markup>()) return kNames[6];
  if (value.is<MappingPtr>()) return kNames[8];
  if (value.is<Namespace*>()) return kNames[9];
  return value.is<std::shared_ptr<Loop>>() ? kNames[10] : kNames[11];
}

bool truth(const Value& value) {
  if (value.is_undefined() || value.is_none()) return false;
  if (const auto* boolean = value.get<bool>()) return *boolean;
  if (const auto* integer = value.get<std::int64_t>()) return *integer != 0;
  if (const auto* real = value.get<double>()) return *real != 0.0;
  if (const Text* text = value.text()) return !text->empty();
  if (const Mapping* mapping = value.mapping()) return !mapping->items.empty();
  if (const Sequence* sequence = value.sequence()) {
    return sequence->kind == Sequence::Kind::generator || !sequence->items.empty();
  }
  if (const auto* loop = value.get<std::shared_ptr<Loop>>()) return !(*loop)->items.empty();
  return true;
}

bool same_object(const Value& a, const Value& b) {
  if (a.is_none() && b.is_none()) return true;
  if (a.is<bool>() && b.is<bool>()) return *a.get<bool>() == *b.get<bool>();
  if (a.is<std::int64_t>() && b.is<std::int64_t>()) return equal(a, b);
  if (a.text() != nullptr) return a.text() == b.text();
  if (a.sequence() != nullptr) return a.sequence() == b.sequence();
  if (a.mapping() != nullptr) return a.mapping() == b.mapping();
  if (a.is<Namespace*>() && b.is<Namespace*>()) return *a.get<Namespace*>() == *b.get<Namespace*>();
  return false;
}

bool equal(const Value& a, const Value& b) {
  charge(kScanCost);
  if (a.is_number() && b.is_number()) return compare_numbers(a, b) == 0;
  if (a.text() != nullptr && b.text() != nullptr) return same_bytes(a.text()->view(), b.text()->view());
  if (a.sequence() != nullptr && b.sequence() != nullptr)
    return equal_sequences(*a.sequence(), *b.sequence());
  if (a.mapping() != nullptr && b.mapping() != nullptr) return equal_mappings(*a.mapping(), *b.mapping());
  if (a.is_undefined() && b.is_undefined()) return true;
  return same_object(a, b);
}

std::partial_ordering compare(const Value& a, const Value& b) {
  charge(kScanCost);
  if (a.is_number() && b.is_number()) return compare_numbers(a, b);
  // UTF-8 bytes have the order of their code points.
  if (a.text() != nullptr && b.text() != nullptr) {
    charge(std::min(a.text()->size(), b.text()->size()));
    return a.text()->view() <=> b.text()->view();
  }
  const Sequence* x = a.sequence();
  const Sequence* y = b.sequence();
  if (x != nullptr && y != nullptr && x->kind == y->kind &&
      (x->kind == Sequence::Kind::list || x->kind == Sequence::Kind::tuple)) {
    return compare_sequences(*x, *y);
  }
  fail("a {} and a {} have no order", type_name(a), type_name(b));
}

bool contains(const Value& container, const Value& item) {
  if (const Text* text = container.text()) {
    const Text* part = item.text();
    if (part == nullptr) fail("'in <string>' needs a string on its left, not {}", type_name(item));
    charge(text->size() + part->size());
    return part->empty() ||
           memmem(text->bytes().data(), text->size(), part->bytes().data(), part->size()) != nullptr;
  }
  if (const Mapping* mapping = container.mapping()) {
    if (!is_hashable(item)) fail("a {} cannot be the key of a dict", type_name(item));
    return mapping->find(item) != nullptr;
  }
  const Sequence* sequence = container.sequence();
  if (sequence != nullptr && sequence->kind != Sequence::Kind::generator) {
    return std::any_of(sequence->items.begin(), sequence->items.end(),
                       [&](const Value& held) { return equal(held, item); });
  }
  const std::vector<Value> items = iterate(container);
  return std::any_of(items.begin(), items.end(), [&](const Value& held) { return equal(held, item); });
}

std::vector<Value> iterate(const Value& value) {
  charge(weight(value));
  if (value.is_undefined()) return {};
  if (const Text* text = value.text()) return split_characters(*text);
  if (const Mapping* mapping = value.mapping()) {
    std::vector<Value> keys;
    for (const auto& item : mapping->items) keys.push_back(item.first);
    return keys;
  }
  const Sequence* sequence = value.sequence();
  if (sequence == nullptr) fail("a {} cannot be iterated over", type_name(value));
  if (sequence->kind != Sequence::Kind::generator) return sequence->items;
  const auto begin = sequence->items.begin() + static_cast<std::ptrdiff_t>(sequence->consumed);
  sequence->consumed = sequence->items.size();
  return {begin, sequence->items.end()};
}

std::size_t length_of(const Value& value) {
  if (value.is_undefined()) return 0;
  if (const Text* text = value.text()) return count_code_points(text->view());
  if (const Mapping* mapping = value.mapping()) return mapping->items.size();
  if (const auto* loop = value.get<std::shared_ptr<Loop>>()) return (*loop)->items.size();
  const Sequence* sequence = value.sequence();
  if (sequence == nullptr || sequence->kind == Sequence::Kind::generator) {
    fail("a {} has no length", type_name(value));
  }
  return sequence->items.size();
}

std::size_t weight(const Value& value) {
  if (const Text* text = value.text()) return text->size();
  if (const Sequence* sequence = value.sequence()) return sequence->items.size() * sizeof(Value);
  if (const Mapping* mapping = value.mapping()) return mapping->items.size() * 2 * sizeof(Value);
  return 0;
}

std::int64_t to_index(const Value& value, std::string_view what) {
  if (const auto* integer = value.get<std::int64_t>()) return *integer;
  if (const auto* boolean = value.get<bool>()) return *boolean ? 1 : 0;
  fail("{} must be an integer, not {}", what, type_name(value));
}

}  // namespace armorm::text::jinja
