#include "text/jinja/ast.h"

namespace armorm::text::jinja {

Expr* Ast::new_expr(Expr::Kind kind, int line) {
  Expr& node = exprs_.emplace_back();
  node.kind = kind;
  node.line = line;
  return &node;
}

Stmt* Ast::new_stmt(Stmt::Kind kind, int line) {
  Stmt& node = stmts_.emplace_back();
  node.kind = kind;
  node.line = line;
  return &node;
}

MacroDefinition* Ast::new_macro() { return &macros_.emplace_back(); }

NameId Ast::intern(std::string_view name) {
  NameId id = 0;
  if (find_name(name, id)) return id;
  id = static_cast<NameId>(names_.size());
  names_.emplace_back(name);
  ids_.emplace(names_.back(), id);
  return id;
}

bool Ast::find_name(std::string_view name, NameId& id) const {
  const auto found = ids_.find(name);
  if (found == ids_.end()) return false;
  id = found->second;
  return true;
}

}  // namespace armorm::text::jinja
