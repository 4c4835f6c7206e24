// The parsed template. Nodes live in deques of the Ast, so that a long chain of nodes is freed without
// recursion.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/jinja/callable.h"
#include "text/jinja/value.h"

namespace armorm::text::jinja {

class Evaluator;
using NameId = std::uint32_t;
using FilterFunction = Value (*)(Evaluator&, const Value&, const Arguments&);
using TestFunction = bool (*)(Evaluator&, const Value&, const Arguments&);

enum class Op {
  none,
  add,
  sub,
  mul,
  div,
  floor_div,
  mod,
  power,
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  in,
  not_in,
  negate,
  plus,
  invert
};

struct Expr;

struct CallArguments {
  std::vector<const Expr*> positional;
  std::vector<std::pair<std::string_view, const Expr*>> named;
  const Expr* star = nullptr;       // *args
  const Expr* star_star = nullptr;  // **kwargs
};

struct Expr {
  enum class Kind {
    constant,        // value
    name,            // name
    list,            // children
    tuple,           // children
    dict,            // children: key, value, key, value, ...
    unary,           // op, children[0]
    binary,          // op, children[0..1]
    compare,         // children[0] ops[0] children[1] ops[1] children[2] ...
    logical_and,     // children[0..1]
    logical_or,      // children[0..1]
    conditional,     // test, then, otherwise (or null)
    concat,          // children
    attribute,       // children[0] . text
    subscript,       // children[0] [ children[1] ]
    slice,           // children[0] [ children[1] : children[2] : children[3] ], null where omitted
    call,            // children[0] ( arguments )
    filter,          // children[0] (null in a filter block) | filter ( arguments )
    test,            // children[0] is test ( arguments )
    namespace_item,  // assignment target: name . text
  };
  Kind kind = Kind::constant;
  Op op = Op::none;
  int line = 1;
  NameId name = 0;
  const std::string* text = nullptr;
  Value value;
  std::vector<const Expr*> children;
  std::vector<Op> ops;
  CallArguments arguments;
  FilterFunction filter = nullptr;
  TestFunction test = nullptr;
};

struct Stmt;
using Block = std::vector<const Stmt*>;

struct MacroDefinition {
  const std::string* name = nullptr;
  int line = 1;
  std::vector<NameId> parameters;
  std::vector<const Expr*> defaults;  // for the last parameters
  Block body;
  bool uses_caller = false;
  bool uses_varargs = false;
  bool uses_kwargs = false;
};

struct Stmt {
  enum class Kind {
    text,        // value
    output,      // expr
    branch,      // branches (test, body); a null test is the else
    loop,        // target, expr, filter, body, otherwise
    assign,      // target, expr
    capture,     // target, filter or null, body
    macro,       // macro, target
    call_block,  // expr (a call), macro (the body)
    filter,      // expr (a chain of filters whose innermost input is null), body
    with,        // assignments (target, value), body
    scope,       // body
    block,       // body, scoped
    leave,       // break
    next,        // continue
  };
  Kind kind = Kind::text;
  int line = 1;
  Text value;
  const Expr* target = nullptr;
  const Expr* expr = nullptr;
  const Expr* filter = nullptr;
  const MacroDefinition* macro = nullptr;
  std::vector<std::pair<const Expr*, Block>> branches;
  std::vector<std::pair<const Expr*, const Expr*>> assignments;
  bool scoped = false;
  Block body;
  Block otherwise;
};

class Ast {
 public:
  Ast() { intern("loop"); }

  Block root;

  Expr* new_expr(Expr::Kind kind, int line);
  Stmt* new_stmt(Stmt::Kind kind, int line);
  MacroDefinition* new_macro();
  NameId intern(std::string_view name);
  NameId loop_name() const { return 0; }
  const std::string* name(NameId id) const { return &names_[id]; }
  // False when the template does not contain the name.
  bool find_name(std::string_view name, NameId& id) const;

 private:
  std::deque<Expr> exprs_;
  std::deque<Stmt> stmts_;
  std::deque<MacroDefinition> macros_;
  std::deque<std::string> names_;
  std::unordered_map<std::string_view, NameId> ids_;
};

// Throws Failure with the line for an invalid template or an unsupported construct.
Ast parse(std::string_view source);

// Null when there is no filter with that name.
FilterFunction find_filter(std::string_view name);
TestFunction find_test(std::string_view name);

}  // namespace armorm::text::jinja
