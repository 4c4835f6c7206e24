// Evaluates the parsed template.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/callable.h"
#include "text/jinja/text.h"
#include "text/jinja/value.h"

namespace armorm::text::jinja {

struct Scope {
  Scope* parent = nullptr;
  std::vector<std::pair<NameId, Value>> variables;
  bool captured = false;  // a macro refers to it, so it lives as long as the evaluator

  Value* find(NameId name);
  void set(NameId name, Value value);
};

// The message that a template passed to raise_exception.
class Refusal : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Evaluator {
 public:
  using Clock = std::function<std::int64_t()>;  // seconds since 1970; strftime_now shows them in local time

  Evaluator(const Ast& ast, const Clock& clock) : ast_(&ast), clock_(&clock) {}
  void set_global(std::string_view name, Value value);
  Text render();
  int line() const { return line_; }

  // Interface for filters, tests and methods.
  Value attribute(const Value& value, std::string_view name);  // value.name
  Value item(const Value& value, const Value& key);            // value[key]
  Value call(const Value& callee, Arguments& arguments);
  Value apply_filter(std::string_view name, const Value& input, const Arguments& arguments);
  bool apply_test(std::string_view name, const Value& input, const Arguments& arguments);
  // Counts the work of an operation that reads or writes this many bytes.
  void charge(std::uint64_t bytes);

 private:
  enum class Flow { normal, leave, next };
  class Depth;
  class ScopeGuard;

  // Statements.
  Flow run(const Block& block);
  Flow run(const Stmt& statement);
  Flow run_branch(const Stmt& statement);
  Flow run_loop(const Stmt& statement);
  void run_block(const Stmt& statement);
  Flow run_in_scope(const Block& block);
  Flow run_with(const Stmt& statement);
  void run_call_block(const Stmt& statement);
  std::vector<Value> loop_items(const Stmt& statement);
  Text capture(const Block& block);
  void assign(const Expr& target, Value value);
  std::shared_ptr<const Callable> make_macro(const MacroDefinition& definition);
  void emit(const Value& value);

  // Expressions.
  Value eval(const Expr* expr);
  Value eval_kind(const Expr& expr);
  Value eval_binary(const Expr& expr);
  Value eval_dict(const Expr& expr);
  Value eval_unary(const Expr& expr);
  Value eval_compare(const Expr& expr);
  Value eval_concat(const Expr& expr);
  Value eval_slice(const Expr& expr);
  Value eval_call(const Expr& expr);
  Value eval_filter(const Expr& expr);
  std::vector<Value> eval_all(const std::vector<const Expr*>& exprs);
  Arguments eval_arguments(const CallArguments& given);
  Value lookup(NameId name);

  // Calls.
  Value call_macro(const Callable& callable, Arguments& arguments);
  void bind_macro(const MacroDefinition& macro, Arguments& arguments);
  Value call_function(std::string_view name, Arguments& arguments);
  Value call_range(const Arguments& arguments);
  Value call_namespace(const Arguments& arguments);
  Value call_cycler(const Arguments& arguments);
  Value call_joiner(const Arguments& arguments);
  Value cycler_attribute(const Value& value, std::string_view name);
  Value call_cycler_method(Namespace& cycler, std::string_view name, const Arguments& arguments);
  Value call_loop_method(Loop& loop, std::string_view name, Arguments& arguments);
  Value loop_attribute(const Value& value, std::string_view name);

  Scope* new_scope(Scope* parent);
  void release_scope(Scope* scope);

  const Ast* ast_;
  const Clock* clock_;
  std::deque<Scope> scopes_;
  std::vector<Scope*> free_scopes_;
  std::deque<Namespace> namespaces_;
  Scope* scope_ = nullptr;
  Scope* top_ = nullptr;  // of the template's own variables
  Scope globals_;
  Text* out_ = nullptr;
  Value filter_input_;  // input of the current filter block
  int depth_ = 0;
  int line_ = 1;
  std::uint64_t steps_ = 0;
  std::uint64_t work_ = 0;
};

// The name itself, in permanent storage, if values of this type have such a method; else empty.
std::string_view method_name(const Value& value, std::string_view name);
inline bool has_method(const Value& value, std::string_view name) {
  return !method_name(value, name).empty();
}
Value call_method(Evaluator& evaluator, const Value& self, std::string_view name, const Arguments& arguments);
bool is_global_function(std::string_view name);
Value binary_operation(Op op, const Value& a, const Value& b);
bool compare_operation(Op op, const Value& a, const Value& b);
Value slice_value(const Value& value, const Value& begin, const Value& end, const Value& step);
Text format_percent(const Text& pattern, const Value& argument);
Text format_braces(Evaluator& evaluator, const Text& pattern, const Arguments& arguments);
Text format_time(const Text& pattern, std::int64_t seconds);
Text escape_html(const Value& value);

}  // namespace armorm::text::jinja
