// Callable values of a template, and the state of a for loop.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/value.h"

namespace armorm::text::jinja {

struct MacroDefinition;
struct Scope;

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string_view, Value>> named;
  Held memory;  // of what *args added
};

// Arguments matched to parameter names by Python's rules.
class Bound {
 public:
  // Fails on too many arguments, on unknown names, and when one of the first `required` is missing.
  Bound(const Arguments& arguments, std::string_view callee,
        std::initializer_list<std::string_view> parameters, std::size_t required = 0);
  bool has(std::size_t i) const { return values_[i] != nullptr; }
  const Value& operator[](std::size_t i) const { return *values_[i]; }
  // The argument as a str; fails for another type.
  const Text& text(std::size_t i) const;
  std::int64_t integer(std::size_t i, std::int64_t otherwise) const;
  bool flag(std::size_t i, bool otherwise) const { return has(i) ? truth(*values_[i]) : otherwise; }

 private:
  std::string_view callee_;
  std::vector<const Value*> values_;
};

struct Callable {
  enum class Kind { method, macro, function };
  Kind kind = Kind::function;
  std::string_view name;  // name of the method, function or macro; its storage outlives the render
  Value self;             // method
  const MacroDefinition* macro = nullptr;
  Scope* scope = nullptr;  // scope in which the macro was defined; owned by the evaluator
  Held memory{160};        // about its own size
};

// A method of `self`; the storage of `name` outlives the render.
Value make_method(std::string_view name, Value self);

struct Loop {
  std::vector<Value> items;
  std::size_t index = 0;
  std::optional<Arguments> last_changed;
  Held memory;
};

}  // namespace armorm::text::jinja
