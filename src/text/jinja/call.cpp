// Calls: macros, the functions that templates know, and the `loop` variable.
#include <algorithm>
#include <array>

#include "text/jinja/eval.h"
#include "text/jinja/failure.h"
#include "text/jinja/guards.h"
#include "text/jinja/limits.h"

namespace armorm::text::jinja {

bool is_global_function(std::string_view name) {
  static constexpr std::array<std::string_view, 7> kNames = {
      "range", "dict", "namespace", "cycler", "joiner", "raise_exception", "strftime_now"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

Value Evaluator::call(const Value& callee, Arguments& arguments) {
  if (const auto* undefined = callee.get<Undefined>()) {
    fail("'{}' is undefined and cannot be called", undefined->name ? *undefined->name : "a value");
  }
  if (callee.is<std::shared_ptr<Loop>>()) fail("calling 'loop' (a recursive loop) is not supported");
  if (Namespace* const* joiner = callee.get<Namespace*>();
      joiner != nullptr && (*joiner)->kind == Namespace::Kind::joiner) {
    const Bound bound(arguments, "joiner", {});
    return (*joiner)->next++ == 0 ? make_trusted("") : *(*joiner)->find("sep");
  }
  const auto* callable = callee.get<std::shared_ptr<const Callable>>();
  if (callable == nullptr) fail("a {} cannot be called", type_name(callee));
  const Callable& target = **callable;
  if (target.kind == Callable::Kind::macro) return call_macro(target, arguments);
  if (target.kind == Callable::Kind::function) return call_function(target.name, arguments);
  if (const auto* loop = target.self.get<std::shared_ptr<Loop>>()) {
    return call_loop_method(**loop, target.name, arguments);
  }
  if (Namespace* const* cycler = target.self.get<Namespace*>())
    return call_cycler_method(**cycler, target.name, arguments);
  charge(weight(target.self));
  return call_method(*this, target.self, target.name, arguments);
}

Value Evaluator::call_macro(const Callable& callable, Arguments& arguments) {
  const Depth depth(*this);
  const ScopeGuard scope(*this, callable.scope);
  bind_macro(*callable.macro, arguments);
  Text text;
  {
    const OutputGuard redirect(out_, text);
    run(callable.macro->body);
  }
  charge(text.size());
  return text;
}

// Binds the parameters of a macro in the current scope.
void Evaluator::bind_macro(const MacroDefinition& macro, Arguments& arguments) {
  const auto take_named = [&](std::string_view name, Value& value) {
    const auto found = std::find_if(arguments.named.begin(), arguments.named.end(),
                                    [&](const auto& argument) { return argument.first == name; });
    if (found == arguments.named.end()) return false;
    value = std::move(found->second);
    arguments.named.erase(found);
    return true;
  };
  const std::size_t first_default = macro.parameters.size() - macro.defaults.size();
  for (std::size_t i = 0; i < macro.parameters.size(); ++i) {
    const std::string& name = *ast_->name(macro.parameters[i]);
    Value value = Undefined{&name};
    if (i < arguments.positional.size()) {
      value = arguments.positional[i];
    } else if (!take_named(name, value) && i >= first_default) {
      value = eval(macro.defaults[i - first_default]);
    }
    scope_->set(macro.parameters[i], std::move(value));
  }
  NameId id = 0;
  if (macro.uses_caller && ast_->find_name("caller", id)) {
    Value caller = Undefined{ast_->name(id)};
    take_named("caller", caller);
    scope_->set(id, std::move(caller));
  }
  if (macro.uses_kwargs && ast_->find_name("kwargs", id)) {
    std::vector<std::pair<Value, Value>> rest;
    for (auto& [name, value] : arguments.named) insert_item(rest, make_trusted(name), std::move(value));
    scope_->set(id, make_mapping(std::move(rest)));
  } else if (!arguments.named.empty()) {
    fail("the macro '{}' takes no argument named '{}'", *macro.name, arguments.named.front().first);
  }
  const std::size_t taken = std::min(macro.parameters.size(), arguments.positional.size());
  if (macro.uses_varargs && ast_->find_name("varargs", id)) {
    std::vector<Value> rest(arguments.positional.begin() + static_cast<std::ptrdiff_t>(taken),
                            arguments.positional.end());
    scope_->set(id, make_sequence(std::move(rest), Sequence::Kind::tuple));
  } else if (taken < arguments.positional.size()) {
    fail("the macro '{}' takes {} arguments, {} are given", *macro.name, macro.parameters.size(),
         arguments.positional.size());
  }
}

Value Evaluator::call_range(const Arguments& arguments) {
  const Bound bound(arguments, "range", {"start", "stop", "step"}, 1);
  std::int64_t begin = bound.integer(0, 0);
  const std::int64_t end = bound.has(1) ? bound.integer(1, 0) : begin;
  if (!bound.has(1)) begin = 0;
  const std::int64_t step = bound.integer(2, 1);
  if (step == 0) fail("the step of range() is 0");
  std::vector<Value> items;
  for (std::int64_t i = begin; step > 0 ? i < end : i > end;) {
    if (items.size() == kMaxRange) fail("range() is longer than {}", kMaxRange);
    items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  charge(items.size() * sizeof(Value));
  return make_sequence(std::move(items), Sequence::Kind::range);
}

namespace {

std::vector<std::pair<Value, Value>> dict_items(const Arguments& arguments) {
  std::vector<std::pair<Value, Value>> items;
  if (arguments.positional.size() > 1) fail("'dict' and 'namespace' take one positional argument");
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    if (source.is_undefined()) fail("a dict cannot be made of an undefined value");
    if (const Mapping* mapping = source.mapping()) {
      items = mapping->items;
    } else {
      for (const Value& pair : iterate(source)) {
        const std::vector<Value> parts = iterate(pair);
        if (parts.size() != 2) fail("an item of 'dict' is no pair");
        insert_item(items, parts[0], parts[1]);
      }
    }
  }
  for (const auto& [name, value] : arguments.named) insert_item(items, make_trusted(name), value);
  return items;
}

}  // namespace

Value Evaluator::call_namespace(const Arguments& arguments) {
  charge(sizeof(Namespace) * 4);
  Namespace& space = namespaces_.emplace_back();
  for (auto& [key, value] : dict_items(arguments)) {
    if (key.text() == nullptr) fail("the names of a namespace must be strings");
    space.set(key.text()->view(), value);
  }
  return &space;
}

Value Evaluator::call_cycler(const Arguments& arguments) {
  if (!arguments.named.empty()) fail("'cycler' takes no named arguments");
  if (arguments.positional.empty()) fail("'cycler' needs items");
  charge(sizeof(Namespace) * 4);
  Namespace& cycler = namespaces_.emplace_back();
  cycler.kind = Namespace::Kind::cycler;
  cycler.set("items", make_sequence(arguments.positional, Sequence::Kind::tuple));
  return &cycler;
}

Value Evaluator::call_joiner(const Arguments& arguments) {
  const Bound bound(arguments, "joiner", {"sep"});
  charge(sizeof(Namespace) * 4);
  Namespace& joiner = namespaces_.emplace_back();
  joiner.kind = Namespace::Kind::joiner;
  joiner.set("sep", bound.has(0) ? bound[0] : make_trusted(", "));
  return &joiner;
}

Value Evaluator::cycler_attribute(const Value& value, std::string_view name) {
  const Namespace& cycler = **value.get<Namespace*>();
  const std::vector<Value>& items = cycler.find("items")->sequence()->items;
  if (name == "items") return *cycler.find("items");
  if (name == "pos") return static_cast<std::int64_t>(cycler.next);
  if (name == "current") return items[cycler.next];
  if (name != "next" && name != "reset") return {};
  auto method = std::make_shared<Callable>();
  method->kind = Callable::Kind::method;
  method->name = name == "next" ? "next" : "reset";
  method->self = value;
  return std::shared_ptr<const Callable>(std::move(method));
}

Value Evaluator::call_cycler_method(Namespace& cycler, std::string_view name, const Arguments& arguments) {
  const Bound bound(arguments, name, {});
  if (name == "reset") {
    cycler.next = 0;
    return None{};
  }
  const std::vector<Value>& items = cycler.find("items")->sequence()->items;
  Value current = items[cycler.next];
  cycler.next = (cycler.next + 1) % items.size();
  return current;
}

Value Evaluator::call_function(std::string_view name, Arguments& arguments) {
  if (name == "range") return call_range(arguments);
  if (name == "namespace") return call_namespace(arguments);
  if (name == "cycler") return call_cycler(arguments);
  if (name == "joiner") return call_joiner(arguments);
  if (name == "dict") {
    // Keys are compared one by one.
    if (!arguments.positional.empty()) {
      const std::uint64_t count = weight(arguments.positional[0]) / sizeof(Value);
      charge(count * count);
    }
    return make_mapping(dict_items(arguments));
  }
  if (name == "strftime_now") {
    const Bound bound(arguments, name, {"format"}, 1);
    return format_time(bound.text(0), (*clock_)());
  }
  const Bound bound(arguments, name, {"message"}, 1);
  throw Refusal(to_text(bound[0]).bytes());
}

Value Evaluator::loop_attribute(const Value& value, std::string_view name) {
  const auto& loop = *value.get<std::shared_ptr<Loop>>();
  const auto number = [](std::size_t count) { return Value(static_cast<std::int64_t>(count)); };
  const std::size_t count = loop->items.size();
  const std::size_t index = loop->index;
  if (name == "index") return number(index + 1);
  if (name == "index0") return number(index);
  if (name == "revindex") return number(count - index);
  if (name == "revindex0") return number(count - index - 1);
  if (name == "first") return index == 0;
  if (name == "last") return index + 1 == count;
  if (name == "length") return number(count);
  if (name == "depth") return number(1);
  if (name == "depth0") return number(0);
  if (name == "previtem") return index == 0 ? Value() : loop->items[index - 1];
  if (name == "nextitem") return index + 1 == count ? Value() : loop->items[index + 1];
  if (name != "cycle" && name != "changed") return {};
  auto method = std::make_shared<Callable>();
  method->kind = Callable::Kind::method;
  method->name = name == "cycle" ? "cycle" : "changed";
  method->self = value;
  return std::shared_ptr<const Callable>(std::move(method));
}

Value Evaluator::call_loop_method(Loop& loop, std::string_view name, Arguments& arguments) {
  if (!arguments.named.empty()) fail("'loop.{}' takes no named arguments", name);
  if (name == "cycle") {
    if (arguments.positional.empty()) fail("'loop.cycle' needs items");
    return arguments.positional[loop.index % arguments.positional.size()];
  }
  const auto& now = arguments.positional;
  const auto& before = loop.last_changed;
  const bool same = before && before->positional.size() == now.size() &&
                    std::equal(now.begin(), now.end(), before->positional.begin(), equal);
  if (!same) loop.last_changed = std::move(arguments);
  return !same;
}

}  // namespace armorm::text::jinja
