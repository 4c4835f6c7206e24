// Executes statements.
#include "text/jinja/eval.h"
#include "text/jinja/failure.h"
#include "text/jinja/guards.h"
#include "text/jinja/limits.h"

namespace armorm::text::jinja {

Value* Scope::find(NameId name) {
  for (auto& [known, value] : variables) {
    if (known == name) return &value;
  }
  return nullptr;
}

void Scope::set(NameId name, Value value) {
  if (Value* held = find(name)) {
    *held = std::move(value);
  } else {
    variables.emplace_back(name, std::move(value));
  }
}

Scope* Evaluator::new_scope(Scope* parent) {
  Scope* scope = nullptr;
  if (free_scopes_.empty()) {
    charge(sizeof(Scope) * 4);
    scope = &scopes_.emplace_back();
  } else {
    scope = free_scopes_.back();
    free_scopes_.pop_back();
  }
  scope->parent = parent;
  return scope;
}

void Evaluator::release_scope(Scope* scope) {
  if (scope->captured) return;
  scope->variables.clear();
  free_scopes_.push_back(scope);
}

void Evaluator::set_global(std::string_view name, Value value) {
  NameId id = 0;
  if (ast_->find_name(name, id)) globals_.set(id, std::move(value));
}

Text Evaluator::render() {
  Text output;
  out_ = &output;
  const ScopeGuard scope(*this, &globals_);
  top_ = scope_;
  run(ast_->root);
  return output;
}

Text Evaluator::capture(const Block& block) {
  Text text;
  const OutputGuard redirect(out_, text);
  run_in_scope(block);
  charge(text.size());
  return text;
}

void Evaluator::emit(const Value& value) {
  charge(weight(value));
  append_string(*out_, value);
}

Evaluator::Flow Evaluator::run(const Block& block) {
  for (const Stmt* statement : block) {
    const Flow flow = run(*statement);
    if (flow != Flow::normal) return flow;
  }
  return Flow::normal;
}

Evaluator::Flow Evaluator::run_in_scope(const Block& block) {
  const ScopeGuard scope(*this, scope_);
  return run(block);
}

Evaluator::Flow Evaluator::run(const Stmt& statement) {
  const Depth depth(*this);
  line_ = statement.line;
  switch (statement.kind) {
    case Stmt::Kind::text:
      charge(statement.value.size());
      out_->append(statement.value);
      return Flow::normal;
    case Stmt::Kind::output:
      emit(eval(statement.expr));
      return Flow::normal;
    case Stmt::Kind::branch:
      return run_branch(statement);
    case Stmt::Kind::loop:
      return run_loop(statement);
    case Stmt::Kind::assign:
      assign(*statement.target, eval(statement.expr));
      return Flow::normal;
    case Stmt::Kind::capture:
    case Stmt::Kind::filter: {
      Value text = capture(statement.body);
      if (statement.filter != nullptr) {
        filter_input_ = std::move(text);
        text = eval(statement.filter);
      }
      if (statement.kind == Stmt::Kind::filter) {
        emit(text);
      } else {
        assign(*statement.target, std::move(text));
      }
      return Flow::normal;
    }
    case Stmt::Kind::macro:
      assign(*statement.target, make_macro(*statement.macro));
      return Flow::normal;
    case Stmt::Kind::call_block:
      run_call_block(statement);
      return Flow::normal;
    case Stmt::Kind::with:
      return run_with(statement);
    case Stmt::Kind::scope:
      return run_in_scope(statement.body);
    case Stmt::Kind::block:
      run_block(statement);
      return Flow::normal;
    case Stmt::Kind::leave:
      return Flow::leave;
    case Stmt::Kind::next:
      return Flow::next;
  }
  return Flow::normal;
}

Evaluator::Flow Evaluator::run_branch(const Stmt& statement) {
  for (const auto& [test, body] : statement.branches) {
    if (test == nullptr || truth(eval(test))) return run(body);
  }
  return Flow::normal;
}

// The items of a for loop that pass its filter.
std::vector<Value> Evaluator::loop_items(const Stmt& statement) {
  const Value iterable = eval(statement.expr);
  charge(weight(iterable));
  std::vector<Value> items = iterate(iterable);
  if (statement.filter == nullptr) return items;
  std::vector<Value> kept;
  const ScopeGuard scope(*this, scope_);
  for (Value& item : items) {
    assign(*statement.target, item);
    if (truth(eval(statement.filter))) kept.push_back(std::move(item));
  }
  return kept;
}

Evaluator::Flow Evaluator::run_loop(const Stmt& statement) {
  auto loop = std::make_shared<Loop>();
  loop->items = loop_items(statement);
  if (loop->items.empty()) return run_in_scope(statement.otherwise);
  const LoopGuard guard(loop);
  for (std::size_t i = 0; i < loop->items.size(); ++i) {
    loop->index = i;
    const ScopeGuard scope(*this, scope_);
    scope_->variables.emplace_back(ast_->loop_name(), loop);
    assign(*statement.target, loop->items[i]);
    if (run(statement.body) == Flow::leave) break;
  }
  return Flow::normal;
}

// A block that is not scoped sees the variables of the template's top level alone.
void Evaluator::run_block(const Stmt& statement) {
  const ScopeGuard scope(*this, statement.scoped ? scope_ : top_);
  run(statement.body);
}

Evaluator::Flow Evaluator::run_with(const Stmt& statement) {
  std::vector<Value> values;
  for (const auto& [target, value] : statement.assignments) values.push_back(eval(value));
  const ScopeGuard scope(*this, scope_);
  for (std::size_t i = 0; i < values.size(); ++i)
    assign(*statement.assignments[i].first, std::move(values[i]));
  return run(statement.body);
}

std::shared_ptr<const Callable> Evaluator::make_macro(const MacroDefinition& definition) {
  charge(sizeof(Callable) + sizeof(Scope));
  for (Scope* scope = scope_; scope != nullptr; scope = scope->parent) scope->captured = true;
  auto callable = std::make_shared<Callable>();
  callable->kind = Callable::Kind::macro;
  callable->name = *definition.name;
  callable->macro = &definition;
  callable->scope = scope_;
  return callable;
}

void Evaluator::run_call_block(const Stmt& statement) {
  const Value callee = eval(statement.expr->children[0]);
  Arguments arguments = eval_arguments(statement.expr->arguments);
  arguments.named.emplace_back("caller", make_macro(*statement.macro));
  emit(call(callee, arguments));
}

void Evaluator::assign(const Expr& target, Value value) {
  if (target.kind == Expr::Kind::name) return scope_->set(target.name, std::move(value));
  if (target.kind == Expr::Kind::namespace_item) {
    const Value holder = lookup(target.name);
    Namespace* const* space = holder.get<Namespace*>();
    if (space == nullptr || (*space)->kind != Namespace::Kind::plain)
      fail("'{}' is no namespace, so '{}' cannot be set on it", *ast_->name(target.name), *target.text);
    return (*space)->set(*target.text, std::move(value));
  }
  std::vector<Value> items = iterate(value);
  if (items.size() != target.children.size()) {
    fail("{} values are unpacked into {} names", items.size(), target.children.size());
  }
  for (std::size_t i = 0; i < items.size(); ++i) assign(*target.children[i], std::move(items[i]));
}

}  // namespace armorm::text::jinja
