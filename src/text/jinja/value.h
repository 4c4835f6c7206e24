// The values of a template: Python's, as far as chat templates use them.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "text/jinja/text.h"

namespace armorm::text::jinja {

class Value;
struct Sequence;
struct Mapping;
struct Namespace;
struct Loop;
struct Callable;

struct Undefined {
  const std::string* name = nullptr;  // for messages; owned by the template
};
struct None {};

// Result of `safe` and `escape`: `+` escapes the other side.
struct Markup {
  std::shared_ptr<const Text> text;
};

using TextPtr = std::shared_ptr<const Text>;
using SequencePtr = std::shared_ptr<const Sequence>;
using MappingPtr = std::shared_ptr<const Mapping>;

class Value {
 public:
  using Storage =
      std::variant<Undefined, None, bool, std::int64_t, double, TextPtr, Markup, SequencePtr, MappingPtr,
                   Namespace*, std::shared_ptr<Loop>, std::shared_ptr<const Callable>>;

  Value() = default;
  // NOLINTBEGIN(google-explicit-constructor): filters and functions return plain values
  Value(Undefined value) : storage_(value) {}
  Value(None value) : storage_(value) {}
  Value(bool value) : storage_(value) {}
  Value(std::int64_t value) : storage_(value) {}
  Value(double value) : storage_(value) {}
  Value(Text value) : storage_(std::make_shared<const Text>(std::move(value))) {}
  Value(TextPtr value) : storage_(std::move(value)) {}
  Value(Markup value) : storage_(std::move(value)) {}
  Value(SequencePtr value) : storage_(std::move(value)) {}
  Value(MappingPtr value) : storage_(std::move(value)) {}
  Value(Namespace* value) : storage_(value) {}
  Value(std::shared_ptr<Loop> value) : storage_(std::move(value)) {}
  Value(std::shared_ptr<const Callable> value) : storage_(std::move(value)) {}
  // NOLINTEND(google-explicit-constructor)
  // Would silently convert to bool.
  Value(const char*) = delete;

  template <class T>
  const T* get() const {
    return std::get_if<T>(&storage_);
  }
  template <class T>
  bool is() const {
    return std::holds_alternative<T>(storage_);
  }
  // The text of a str or Markup, else null.
  const Text* text() const;
  const Sequence* sequence() const;
  const Mapping* mapping() const;
  bool is_undefined() const { return is<Undefined>(); }
  bool is_none() const { return is<None>(); }
  bool is_number() const { return is<bool>() || is<std::int64_t>() || is<double>(); }

 private:
  Storage storage_;
};

struct Sequence {
  enum class Kind { list, tuple, range, generator, keys, values, items };
  Kind kind = Kind::list;
  std::vector<Value> items;
  int depth = 1;
  bool group = false;  // a pair of groupby: .grouper and .list
  // Generators yield each item once; a value never leaves its render.
  mutable std::size_t consumed = 0;
};

struct Mapping {
  std::vector<std::pair<Value, Value>> items;  // in insertion order
  int depth = 1;

  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
};

struct Namespace {
  enum class Kind { plain, cycler, joiner };
  Kind kind = Kind::plain;
  std::size_t next = 0;  // of a cycler or joiner: calls so far
  std::vector<std::pair<std::string, Value>> attributes;
  const Value* find(std::string_view name) const;
  void set(std::string_view name, Value value);
};

Value make_sequence(std::vector<Value> items, Sequence::Kind kind = Sequence::Kind::list);
Value make_mapping(std::vector<std::pair<Value, Value>> items);
Value make_trusted(std::string_view text);
// Replaces the value of an equal key, else appends; fails for keys that Python cannot hash.
void insert_item(std::vector<std::pair<Value, Value>>& items, Value key, Value value);

std::string type_name(const Value& value);  // Python's name, for messages
bool truth(const Value& value);
bool equal(const Value& a, const Value& b);
// Unordered when a NaN is in it. Fails for types without an order.
std::partial_ordering compare(const Value& a, const Value& b);
bool contains(const Value& container, const Value& item);
bool same_object(const Value& a, const Value& b);

// The items of a for loop; consumes the rest of a generator.
std::vector<Value> iterate(const Value& value);
std::size_t length_of(const Value& value);
// Upper bound of the bytes that an operation on this value reads.
std::size_t weight(const Value& value);

std::string format_float(double value);                            // repr(float)
void append_string(Text& out, const Value& value);                 // str(value)
void append_repr(Text& out, const Value& value);                   // repr(value)
void append_quoted_repr(Text& out, const Text& text);              // repr(str)
Text to_text(const Value& value);                                  // str(value)
std::int64_t to_index(const Value& value, std::string_view what);  // an int or bool, else fails

}  // namespace armorm::text::jinja
