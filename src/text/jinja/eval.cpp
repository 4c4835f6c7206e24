// Evaluates expressions.
#include "text/jinja/eval.h"

#include "text/jinja/failure.h"
#include "text/jinja/guards.h"
#include "text/jinja/limits.h"

namespace armorm::text::jinja {

void Evaluator::charge(std::uint64_t bytes) {
  work_ += bytes;
  if (work_ > kMaxWork) fail("the template moves more than {} bytes", kMaxWork);
}

Value Evaluator::lookup(NameId name) {
  for (Scope* scope = scope_; scope != nullptr; scope = scope->parent) {
    if (const Value* value = scope->find(name)) return *value;
  }
  const std::string* text = ast_->name(name);
  if (!is_global_function(*text)) return Undefined{text};
  auto function = std::make_shared<Callable>();
  function->name = *text;
  return std::shared_ptr<const Callable>(std::move(function));
}

Value Evaluator::eval(const Expr* expr) {
  const Depth depth(*this);
  line_ = expr->line;
  return eval_kind(*expr);
}

Value Evaluator::eval_kind(const Expr& expr) {
  const auto child = [&](std::size_t i) { return eval(expr.children[i]); };
  switch (expr.kind) {
    case Expr::Kind::constant:
      return expr.value;
    case Expr::Kind::name:
    case Expr::Kind::namespace_item:
      return lookup(expr.name);
    case Expr::Kind::list:
      return make_sequence(eval_all(expr.children));
    case Expr::Kind::tuple:
      return make_sequence(eval_all(expr.children), Sequence::Kind::tuple);
    case Expr::Kind::dict:
      return eval_dict(expr);
    case Expr::Kind::unary:
      return eval_unary(expr);
    case Expr::Kind::binary:
      return eval_binary(expr);
    case Expr::Kind::compare:
      return eval_compare(expr);
    case Expr::Kind::logical_and: {
      Value left = child(0);
      return truth(left) ? child(1) : left;
    }
    case Expr::Kind::logical_or: {
      Value left = child(0);
      return truth(left) ? left : child(1);
    }
    case Expr::Kind::conditional:
      if (truth(child(0))) return child(1);
      return expr.children[2] == nullptr ? Value() : child(2);
    case Expr::Kind::concat:
      return eval_concat(expr);
    case Expr::Kind::attribute:
      return attribute(child(0), *expr.text);
    case Expr::Kind::subscript: {
      const Value holder = child(0);
      return item(holder, child(1));
    }
    case Expr::Kind::slice:
      return eval_slice(expr);
    case Expr::Kind::call:
      return eval_call(expr);
    case Expr::Kind::filter:
    case Expr::Kind::test:
      return eval_filter(expr);
  }
  return {};
}

std::vector<Value> Evaluator::eval_all(const std::vector<const Expr*>& exprs) {
  std::vector<Value> values;
  values.reserve(exprs.size());
  for (const Expr* expr : exprs) values.push_back(eval(expr));
  return values;
}

Value Evaluator::eval_dict(const Expr& expr) {
  std::vector<std::pair<Value, Value>> items;
  for (std::size_t i = 0; i < expr.children.size(); i += 2) {
    Value key = eval(expr.children[i]);
    charge(items.size());
    insert_item(items, std::move(key), eval(expr.children[i + 1]));
  }
  return make_mapping(std::move(items));
}

Value Evaluator::eval_unary(const Expr& expr) {
  const Value operand = eval(expr.children[0]);
  if (expr.op == Op::invert) return !truth(operand);
  if (!operand.is_number()) fail("a {} has no sign", type_name(operand));
  if (const auto* real = operand.get<double>()) return expr.op == Op::negate ? -*real : *real;
  return expr.op == Op::negate ? binary_operation(Op::sub, std::int64_t{0}, operand)
                               : Value(to_index(operand, "the operand"));
}

Value Evaluator::eval_binary(const Expr& expr) {
  const Value left = eval(expr.children[0]);
  const Value right = eval(expr.children[1]);
  line_ = expr.line;
  charge(weight(left) + weight(right));
  Value result = binary_operation(expr.op, left, right);
  charge(weight(result));
  return result;
}

Value Evaluator::eval_compare(const Expr& expr) {
  Value left = eval(expr.children[0]);
  for (std::size_t i = 0; i < expr.ops.size(); ++i) {
    Value right = eval(expr.children[i + 1]);
    charge(weight(left) + weight(right));
    if (!compare_operation(expr.ops[i], left, right)) return false;
    left = std::move(right);
  }
  return true;
}

Value Evaluator::eval_concat(const Expr& expr) {
  Text text;
  for (const Expr* part : expr.children) append_string(text, eval(part));
  charge(text.size());
  return text;
}

Value Evaluator::eval_slice(const Expr& expr) {
  const Value holder = eval(expr.children[0]);
  const auto kind = expr.children[0]->kind;
  const bool constant =
      kind == Expr::Kind::constant || kind == Expr::Kind::dict;  // jinja2 folds its slice to undefined
  const bool sliceable = holder.text() != nullptr ||
                         (holder.sequence() != nullptr && holder.sequence()->kind <= Sequence::Kind::range);
  if (!sliceable && !constant && !holder.is_undefined()) fail("a {} cannot be sliced", type_name(holder));
  const auto bound = [&](std::size_t i) {
    return expr.children[i] == nullptr ? Value(None{}) : eval(expr.children[i]);
  };
  const Value begin = bound(1);
  const Value end = bound(2);
  const Value step = bound(3);
  charge(weight(holder));
  return slice_value(holder, begin, end, step);
}

Arguments Evaluator::eval_arguments(const CallArguments& given) {
  Arguments arguments;
  arguments.positional = eval_all(given.positional);
  for (const auto& [name, expr] : given.named) arguments.named.emplace_back(name, eval(expr));
  if (given.star != nullptr) {
    for (Value& value : iterate(eval(given.star))) arguments.positional.push_back(std::move(value));
  }
  if (given.star_star != nullptr) {
    const Value extra = eval(given.star_star);
    if (extra.mapping() == nullptr) fail("'**' needs a dict, not {}", type_name(extra));
    for (const auto& [key, value] : extra.mapping()->items) {
      NameId id = 0;
      if (key.text() == nullptr) fail("the keys of '**' must be strings");
      // A name that no macro of the template has is an error.
      if (!ast_->find_name(key.text()->view(), id)) fail("no parameter is named '{}'", key.text()->view());
      arguments.named.emplace_back(*ast_->name(id), value);
    }
  }
  return arguments;
}

Value Evaluator::eval_call(const Expr& expr) {
  const Expr& callee = *expr.children[0];
  if (callee.kind == Expr::Kind::attribute) {
    // A method call needs no intermediate bound method.
    const Value self = eval(callee.children[0]);
    if (has_method(self, *callee.text)) {
      const Arguments arguments = eval_arguments(expr.arguments);
      line_ = expr.line;
      charge(weight(self));
      Value result = call_method(*this, self, *callee.text, arguments);
      charge(weight(result));
      return result;
    }
    const Value function = attribute(self, *callee.text);
    Arguments arguments = eval_arguments(expr.arguments);
    line_ = expr.line;
    return call(function, arguments);
  }
  const Value function = eval(&callee);
  Arguments arguments = eval_arguments(expr.arguments);
  line_ = expr.line;
  return call(function, arguments);
}

Value Evaluator::eval_filter(const Expr& expr) {
  const Value input = expr.children[0] == nullptr ? std::exchange(filter_input_, {}) : eval(expr.children[0]);
  const Arguments arguments = eval_arguments(expr.arguments);
  line_ = expr.line;
  if (expr.filter == nullptr && expr.test == nullptr)
    fail("the {} '{}' is not supported", expr.kind == Expr::Kind::test ? "test" : "filter", *expr.text);
  charge(weight(input));
  for (const Value& argument : arguments.positional) charge(weight(argument));
  if (expr.kind == Expr::Kind::test) return expr.test(*this, input, arguments);
  Value result = expr.filter(*this, input, arguments);
  charge(weight(result));
  return result;
}

Value Evaluator::apply_filter(std::string_view name, const Value& input, const Arguments& arguments) {
  const FilterFunction filter = find_filter(name);
  if (filter == nullptr) fail("the filter '{}' is not supported", name);
  const Depth depth(*this);
  charge(weight(input));
  Value result = filter(*this, input, arguments);
  charge(weight(result));
  return result;
}

bool Evaluator::apply_test(std::string_view name, const Value& input, const Arguments& arguments) {
  const TestFunction test = find_test(name);
  if (test == nullptr) fail("the test '{}' is not supported", name);
  const Depth depth(*this);
  charge(weight(input));
  return test(*this, input, arguments);
}

}  // namespace armorm::text::jinja
