// Parses what follows an operand: attributes, subscripts, calls, filters and tests.
#include <fmt/core.h>

#include "text/jinja/failure.h"
#include "text/jinja/parser.h"

namespace armorm::text::jinja {

const Expr* Parser::parse_postfix(const Expr* node) {
  while (true) {
    if (current().is_symbol(".")) {
      node = parse_attribute(node);
    } else if (current().is_symbol("[")) {
      node = parse_subscript(node);
    } else if (current().is_symbol("(")) {
      node = parse_call(node);
    } else {
      return node;
    }
  }
}

const Expr* Parser::parse_filters_and_tests(const Expr* node) {
  while (true) {
    if (current().is_symbol("|")) {
      node = parse_filters(node);
    } else if (current().is_name("is")) {
      node = parse_test(node);
    } else if (current().is_symbol("(")) {
      node = parse_call(node);
    } else {
      return node;
    }
  }
}

const Expr* Parser::parse_attribute(const Expr* node) {
  const int line = take().line;
  if (current().kind == Token::Kind::integer) {
    Expr* item = ast_.new_expr(Expr::Kind::subscript, line);
    item->children = {node, parse_number()};
    return item;
  }
  Expr* attribute = ast_.new_expr(Expr::Kind::attribute, line);
  attribute->children = {node};
  attribute->text = ast_.name(ast_.intern(expect_name()));
  return attribute;
}

const Expr* Parser::parse_subscript(const Expr* node) {
  const int line = take().line;
  Expr* result = ast_.new_expr(Expr::Kind::subscript, line);
  std::vector<const Expr*> parts(3, nullptr);
  std::size_t colons = 0;
  if (!current().is_symbol(":")) parts[0] = parse_expression();
  while (colons < 2 && skip_symbol(":")) {
    ++colons;
    if (!current().is_symbol(":") && !current().is_symbol("]")) parts[colons] = parse_expression();
  }
  if (current().is_symbol(",")) fail_at(line, "a subscript of several parts is not supported");
  expect_symbol("]");
  if (colons == 0) {
    result->children = {node, parts[0]};
  } else {
    result->kind = Expr::Kind::slice;
    result->children = {node, parts[0], parts[1], parts[2]};
  }
  return result;
}

const Expr* Parser::parse_call(const Expr* node) {
  Expr* call = ast_.new_expr(Expr::Kind::call, current().line);
  call->children = {node};
  parse_arguments(call->arguments);
  return call;
}

void Parser::parse_arguments(CallArguments& arguments) {
  const int line = current().line;
  expect_symbol("(");
  bool first = true;
  while (!current().is_symbol(")")) {
    if (!first) expect_symbol(",");
    first = false;
    if (current().is_symbol(")")) break;
    if (skip_symbol("**")) {
      if (arguments.star_star != nullptr) fail_at(line, "a call takes one '**'");
      arguments.star_star = parse_expression();
    } else if (skip_symbol("*")) {
      if (arguments.star != nullptr || arguments.star_star != nullptr) fail_at(line, "a call takes one '*'");
      arguments.star = parse_expression();
    } else if (current().kind == Token::Kind::name && ahead().is_symbol("=")) {
      if (arguments.star_star != nullptr) fail_at(line, "named arguments come before '**'");
      const std::string* name = ast_.name(ast_.intern(take().text));
      take();
      arguments.named.emplace_back(*name, parse_expression());
    } else {
      if (!arguments.named.empty() || arguments.star != nullptr || arguments.star_star != nullptr) {
        fail_at(line, "positional arguments come before named ones");
      }
      arguments.positional.push_back(parse_expression());
    }
  }
  expect_symbol(")");
}

std::string Parser::parse_dotted_name() {
  std::string name = expect_name();
  while (skip_symbol(".")) name += "." + expect_name();
  return name;
}

void Parser::unknown(int line, std::string_view kind, std::string_view name) {
  if (!late_lookup_) unknown_.emplace_back(line, fmt::format("the {} '{}' is not supported", kind, name));
}

const Expr* Parser::parse_filter(const Expr* node, int line) {
  Expr* filter = ast_.new_expr(Expr::Kind::filter, line);
  filter->children = {node};
  const std::string name = parse_dotted_name();
  filter->text = ast_.name(ast_.intern(name));
  filter->filter = find_filter(name);
  if (filter->filter == nullptr) unknown(line, "filter", name);
  if (current().is_symbol("(")) parse_arguments(filter->arguments);
  return filter;
}

const Expr* Parser::parse_filters(const Expr* node) {
  while (current().is_symbol("|")) {
    const int line = take().line;
    node = parse_filter(node, line);
  }
  return node;
}

// A test also accepts its single argument without parentheses: "x is divisibleby 3".
void Parser::parse_test_argument(CallArguments& arguments) {
  const Token& token = current();
  const bool operand = token.kind == Token::Kind::name || token.kind == Token::Kind::string ||
                       token.kind == Token::Kind::integer || token.kind == Token::Kind::real ||
                       token.is_symbol("[") || token.is_symbol("{");
  if (!operand || token.is_name("else") || token.is_name("or") || token.is_name("and")) return;
  if (token.is_name("is")) fail_at(token.line, "tests cannot be chained with 'is'");
  arguments.positional.push_back(parse_postfix(parse_primary()));
}

const Expr* Parser::parse_test(const Expr* node) {
  const int line = take().line;
  const bool negated = skip_name("not");
  Expr* test = ast_.new_expr(Expr::Kind::test, line);
  test->children = {node};
  const std::string name = parse_dotted_name();
  test->text = ast_.name(ast_.intern(name));
  test->test = find_test(name);
  if (test->test == nullptr) unknown(line, "test", name);
  if (current().is_symbol("(")) {
    parse_arguments(test->arguments);
  } else {
    parse_test_argument(test->arguments);
  }
  if (!negated) return test;
  Expr* inverted = ast_.new_expr(Expr::Kind::unary, line);
  inverted->op = Op::invert;
  inverted->children = {test};
  return inverted;
}

}  // namespace armorm::text::jinja
