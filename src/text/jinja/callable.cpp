#include "text/jinja/callable.h"

#include <algorithm>

#include "text/jinja/failure.h"

namespace armorm::text::jinja {

Value make_method(std::string_view name, Value self) {
  auto method = std::make_shared<Callable>();
  method->kind = Callable::Kind::method;
  method->name = name;
  method->self = std::move(self);
  return std::shared_ptr<const Callable>(std::move(method));
}

Bound::Bound(const Arguments& arguments, std::string_view callee,
             std::initializer_list<std::string_view> parameters, std::size_t required)
    : callee_(callee), values_(parameters.size(), nullptr) {
  if (arguments.positional.size() > parameters.size()) {
    fail("'{}' takes at most {} arguments, {} are given", callee, parameters.size(),
         arguments.positional.size());
  }
  for (std::size_t i = 0; i < arguments.positional.size(); ++i) values_[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto* const found = std::find(parameters.begin(), parameters.end(), name);
    if (found == parameters.end()) fail("'{}' takes no argument named '{}'", callee, name);
    const Value*& slot = values_[static_cast<std::size_t>(found - parameters.begin())];
    if (slot != nullptr) fail("'{}' is given '{}' twice", callee, name);
    slot = &value;
  }
  for (std::size_t i = 0; i < required; ++i) {
    if (values_[i] == nullptr) fail("'{}' needs the argument '{}'", callee, parameters.begin()[i]);
  }
}

const Text& Bound::text(std::size_t i) const {
  const Text* text = values_[i]->text();
  if (text == nullptr) fail("'{}' needs a string, not {}", callee_, type_name(*values_[i]));
  return *text;
}

std::int64_t Bound::integer(std::size_t i, std::int64_t otherwise) const {
  return has(i) ? to_index(*values_[i], "an argument") : otherwise;
}

}  // namespace armorm::text::jinja
