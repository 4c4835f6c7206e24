// Parses the statements of a template.
#include "text/jinja/parser.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "text/jinja/failure.h"
#include "text/jinja/limits.h"

namespace armorm::text::jinja {

Parser::Parser(std::string_view source) {
  if (source.size() > kMaxSourceBytes) fail("line 1: the template is longer than {} bytes", kMaxSourceBytes);
  tokens_ = tokenize(source);
}

Parser::Depth::Depth(Parser& parser) : parser_(parser) {
  if (++parser_.depth_ > kMaxParseDepth) {
    --parser_.depth_;
    fail_at(parser_.current().line, fmt::format("constructs are nested deeper than {}", kMaxParseDepth));
  }
}

bool Parser::skip_symbol(std::string_view symbol) {
  if (!current().is_symbol(symbol)) return false;
  take();
  return true;
}

bool Parser::skip_name(std::string_view name) {
  if (!current().is_name(name)) return false;
  take();
  return true;
}

void Parser::expect_symbol(std::string_view symbol) {
  if (!skip_symbol(symbol)) unexpected(fmt::format("'{}'", symbol));
}

std::string Parser::expect_name() {
  if (current().kind != Token::Kind::name) unexpected("a name");
  return take().text;
}

void Parser::expect_end_of_tag() {
  if (current().kind != Token::Kind::block_end) unexpected("the end of the tag");
  take();
}

void Parser::unexpected(std::string_view expected) const {
  static constexpr const char* kKinds[] = {"text", "'{{'", "'}}'", "'{%'", "'%}'"};
  const Token& token = current();
  const auto kind = static_cast<std::size_t>(token.kind);
  const std::string found = token.kind == Token::Kind::end ? "the end of the template"
                            : kind < std::size(kKinds)     ? kKinds[kind]
                                                           : "'" + token.text + "'";
  fail_at(token.line, fmt::format("expected {}, found {}", expected, found));
}

Ast Parser::run() {
  ast_.root = parse_block({});
  if (current().kind != Token::Kind::end) unexpected("a tag that opens a block");
  if (!unknown_.empty()) fail_at(unknown_.front().first, unknown_.front().second);
  return std::move(ast_);
}

bool Parser::at_tag(Names tags) const {
  return current().kind == Token::Kind::block_begin &&
         std::any_of(tags.begin(), tags.end(), [&](std::string_view tag) { return ahead().is_name(tag); });
}

Block Parser::parse_block(Names end_tags) {
  const Depth depth(*this);
  Block block;
  while (current().kind != Token::Kind::end && !at_tag(end_tags)) {
    const int line = current().line;
    if (current().kind == Token::Kind::data) {
      Stmt* text = ast_.new_stmt(Stmt::Kind::text, line);
      text->value = Text::trusted(take().text);
      block.push_back(text);
    } else if (current().kind == Token::Kind::output_begin) {
      take();
      Stmt* output = ast_.new_stmt(Stmt::Kind::output, line);
      output->expr = parse_tuple({});
      if (current().kind != Token::Kind::output_end) unexpected("'}}'");
      take();
      block.push_back(output);
    } else {
      take();
      block.push_back(parse_statement());
    }
  }
  return block;
}

std::string Parser::parse_body(Block& body, Names end_tags) {
  const int opened = current().line;
  expect_end_of_tag();
  body = parse_block(end_tags);
  if (current().kind == Token::Kind::end) {
    fail_at(opened, fmt::format("the block opened here lacks its '{}'", *(end_tags.end() - 1)));
  }
  take();
  return take().text;
}

const Stmt* Parser::parse_statement() {
  if (current().kind != Token::Kind::name) unexpected("the name of a tag");
  const int line = current().line;
  const std::string tag = take().text;
  const Stmt* statement = parse_simple_statement(tag, line);
  expect_end_of_tag();
  return statement;
}

const Stmt* Parser::parse_simple_statement(const std::string& tag, int line) {
  if (tag == "if") return parse_if(line);
  if (tag == "for") return parse_for(line);
  if (tag == "set") return parse_set(line);
  if (tag == "with") return parse_with(line);
  if (tag == "macro") return parse_macro(line);
  if (tag == "call") return parse_call_block(line);
  if (tag == "filter") return parse_filter_block(line);
  if (tag == "block") return parse_named_block(line);
  if (tag == "break") return parse_loop_control(Stmt::Kind::leave, line);
  if (tag == "continue") return parse_loop_control(Stmt::Kind::next, line);
  if (tag == "print") {
    Expr* parts = ast_.new_expr(Expr::Kind::concat, line);
    while (current().kind != Token::Kind::block_end) {
      if (!parts->children.empty()) expect_symbol(",");
      parts->children.push_back(parse_expression());
    }
    Stmt* output = ast_.new_stmt(Stmt::Kind::output, line);
    output->expr = parts;
    return output;
  }
  if (tag == "generation") {
    Stmt* scope = ast_.new_stmt(Stmt::Kind::scope, line);
    const Lookup at_once(*this, true);
    const int loops = std::exchange(loops_, 0);  // to jinja2 a function, which a break cannot leave
    parse_body(scope->body, {"endgeneration"});
    loops_ = loops;
    return scope;
  }
  fail_at(line, fmt::format("the tag '{}' is not supported", tag));
}

const Stmt* Parser::parse_named_block(int line) {
  Stmt* statement = ast_.new_stmt(Stmt::Kind::block, line);
  const std::string name = expect_name();
  if (std::find(block_names_.begin(), block_names_.end(), name) != block_names_.end())
    fail_at(line, fmt::format("the block '{}' is defined twice", name));
  block_names_.push_back(name);
  statement->scoped = skip_name("scoped");
  if (skip_name("required"))
    fail_at(line, fmt::format("the block '{}' is required and has no content", name));
  const Lookup at_once(*this, true);
  const int loops = std::exchange(loops_, 0);
  parse_body(statement->body, {"endblock"});
  loops_ = loops;
  skip_name(name);
  return statement;
}

const Stmt* Parser::parse_if(int line) {
  const Lookup late(*this, false);
  Stmt* statement = ast_.new_stmt(Stmt::Kind::branch, line);
  std::string end = "elif";
  while (end == "elif") {
    const Expr* test = parse_tuple({.conditional = false});
    Block body;
    end = parse_body(body, {"elif", "else", "endif"});
    statement->branches.emplace_back(test, std::move(body));
  }
  if (end == "else") {
    Block body;
    parse_body(body, {"endif"});
    statement->branches.emplace_back(nullptr, std::move(body));
  }
  return statement;
}

const Stmt* Parser::parse_for(int line) {
  Stmt* statement = ast_.new_stmt(Stmt::Kind::loop, line);
  statement->target = parse_target({.targets_only = true, .end_name = "in"});
  if (!skip_name("in")) unexpected("'in'");
  statement->expr = parse_tuple({.conditional = false, .end_name = "recursive"});
  const Lookup at_once(*this, true);
  if (skip_name("if")) statement->filter = parse_expression();
  if (current().is_name("recursive")) fail_at(line, "the 'recursive' for loop is not supported");
  ++loops_;
  const std::string end = parse_body(statement->body, {"else", "endfor"});
  --loops_;
  if (end == "else") parse_body(statement->otherwise, {"endfor"});
  return statement;
}

const Stmt* Parser::parse_set(int line) {
  const Expr* target = parse_target({.targets_only = true, .namespaces = true});
  if (skip_symbol("=")) {
    Stmt* statement = ast_.new_stmt(Stmt::Kind::assign, line);
    statement->target = target;
    statement->expr = parse_tuple({});
    return statement;
  }
  Stmt* statement = ast_.new_stmt(Stmt::Kind::capture, line);
  statement->target = target;
  const Lookup at_once(*this, true);
  if (current().is_symbol("|")) statement->filter = parse_filters(nullptr);
  parse_body(statement->body, {"endset"});
  return statement;
}

const Stmt* Parser::parse_with(int line) {
  Stmt* statement = ast_.new_stmt(Stmt::Kind::with, line);
  while (current().kind != Token::Kind::block_end) {
    if (!statement->assignments.empty()) expect_symbol(",");
    const Expr* target = parse_target({.targets_only = true, .end_name = "="});
    expect_symbol("=");
    statement->assignments.emplace_back(target, parse_expression());
  }
  const Lookup at_once(*this, true);
  parse_body(statement->body, {"endwith"});
  return statement;
}

void Parser::parse_signature(MacroDefinition& macro) {
  expect_symbol("(");
  while (!current().is_symbol(")")) {
    if (!macro.parameters.empty()) expect_symbol(",");
    if (current().is_symbol(")")) break;
    const int line = current().line;
    macro.parameters.push_back(ast_.intern(expect_name()));
    if (skip_symbol("=")) {
      macro.defaults.push_back(parse_expression());
    } else if (!macro.defaults.empty()) {
      fail_at(line, "a parameter without a default follows one with a default");
    }
  }
  expect_symbol(")");
}

void Parser::parse_macro_body(MacroDefinition& macro, std::string_view end_tag) {
  const Lookup at_once(*this, true);
  const int loops = std::exchange(loops_, 0);
  open_macros_.push_back(&macro);
  parse_body(macro.body, {end_tag});
  open_macros_.pop_back();
  loops_ = loops;
}

const Stmt* Parser::parse_macro(int line) {
  MacroDefinition* macro = ast_.new_macro();
  macro->line = line;
  Expr* target = ast_.new_expr(Expr::Kind::name, line);
  target->name = ast_.intern(expect_name());
  macro->name = ast_.name(target->name);
  const Lookup at_once(*this, true);
  parse_signature(*macro);
  parse_macro_body(*macro, "endmacro");
  Stmt* statement = ast_.new_stmt(Stmt::Kind::macro, line);
  statement->target = target;
  statement->macro = macro;
  return statement;
}

const Stmt* Parser::parse_call_block(int line) {
  MacroDefinition* macro = ast_.new_macro();
  macro->line = line;
  macro->name = ast_.name(ast_.intern("caller"));
  if (current().is_symbol("(")) parse_signature(*macro);
  Stmt* statement = ast_.new_stmt(Stmt::Kind::call_block, line);
  statement->macro = macro;
  statement->expr = parse_expression();
  if (statement->expr->kind != Expr::Kind::call) fail_at(line, "a call block needs a call");
  parse_macro_body(*macro, "endcall");
  return statement;
}

const Stmt* Parser::parse_filter_block(int line) {
  Stmt* statement = ast_.new_stmt(Stmt::Kind::filter, line);
  const Lookup at_once(*this, true);
  statement->filter = parse_filters(parse_filter(nullptr, line));
  parse_body(statement->body, {"endfilter"});
  return statement;
}

const Stmt* Parser::parse_loop_control(Stmt::Kind kind, int line) {
  if (loops_ == 0) fail_at(line, "'break' and 'continue' belong inside a for loop");
  return ast_.new_stmt(kind, line);
}

Ast parse(std::string_view source) { return Parser(source).run(); }

}  // namespace armorm::text::jinja
