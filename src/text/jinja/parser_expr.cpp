// Parses the expressions of a template.
#include <fmt/core.h>

#include <charconv>
#include <cstdlib>

#include "text/jinja/failure.h"
#include "text/jinja/parser.h"

namespace armorm::text::jinja {

const Expr* Parser::binary(Op op, const Expr* left, const Expr* right, int line) {
  Expr* node = ast_.new_expr(Expr::Kind::binary, line);
  node->op = op;
  node->children = {left, right};
  return node;
}

const Expr* Parser::parse_expression(bool conditional) {
  const Depth depth(*this);
  return conditional ? parse_conditional() : parse_or();
}

const Expr* Parser::parse_conditional() {
  const std::size_t before = unknown_.size();
  const Expr* result = parse_or();
  while (current().is_name("if")) {
    unknown_.resize(before);
    const Lookup late(*this, false);
    Expr* node = ast_.new_expr(Expr::Kind::conditional, take().line);
    const Expr* test = parse_or();
    const Expr* otherwise = nullptr;
    if (skip_name("else")) {
      const Depth depth(*this);
      otherwise = parse_conditional();
    }
    node->children = {test, result, otherwise};
    result = node;
  }
  return result;
}

const Expr* Parser::parse_or() {
  const Expr* left = parse_and();
  while (current().is_name("or")) {
    Expr* node = ast_.new_expr(Expr::Kind::logical_or, take().line);
    const bool folded = left->kind == Expr::Kind::constant && truth(left->value);
    const std::size_t before = unknown_.size();
    node->children = {left, parse_and()};
    if (folded) unknown_.resize(before);  // jinja2 drops the right side
    left = node;
  }
  return left;
}

const Expr* Parser::parse_and() {
  const Expr* left = parse_not();
  while (current().is_name("and")) {
    Expr* node = ast_.new_expr(Expr::Kind::logical_and, take().line);
    const bool folded = left->kind == Expr::Kind::constant && !truth(left->value);
    const std::size_t before = unknown_.size();
    node->children = {left, parse_not()};
    if (folded) unknown_.resize(before);
    left = node;
  }
  return left;
}

const Expr* Parser::parse_not() {
  if (!current().is_name("not")) return parse_compare();
  const Depth depth(*this);
  Expr* node = ast_.new_expr(Expr::Kind::unary, take().line);
  node->op = Op::invert;
  node->children = {parse_not()};
  return node;
}

// Consumes the operator if there is one.
bool Parser::at_comparison(Op& op) {
  static constexpr std::pair<std::string_view, Op> kOps[] = {{"==", Op::eq}, {"!=", Op::ne}, {"<", Op::lt},
                                                             {"<=", Op::le}, {">", Op::gt},  {">=", Op::ge}};
  for (const auto& [symbol, known] : kOps) {
    if (skip_symbol(symbol)) {
      op = known;
      return true;
    }
  }
  if (skip_name("in")) {
    op = Op::in;
    return true;
  }
  if (!current().is_name("not") || !ahead().is_name("in")) return false;
  take();
  take();
  op = Op::not_in;
  return true;
}

const Expr* Parser::parse_compare() {
  const int line = current().line;
  const Expr* first = parse_sum();
  Op op = Op::none;
  if (!at_comparison(op)) return first;
  Expr* node = ast_.new_expr(Expr::Kind::compare, line);
  node->children = {first};
  do {
    node->ops.push_back(op);
    node->children.push_back(parse_sum());
  } while (at_comparison(op));
  return node;
}

const Expr* Parser::parse_sum() {
  const Expr* left = parse_concat();
  while (current().is_symbol("+") || current().is_symbol("-")) {
    const Token token = take();
    left = binary(token.text == "+" ? Op::add : Op::sub, left, parse_concat(), token.line);
  }
  return left;
}

const Expr* Parser::parse_concat() {
  const int line = current().line;
  const Expr* first = parse_product();
  if (!current().is_symbol("~")) return first;
  Expr* node = ast_.new_expr(Expr::Kind::concat, line);
  node->children = {first};
  while (skip_symbol("~")) node->children.push_back(parse_product());
  return node;
}

const Expr* Parser::parse_product() {
  static constexpr std::pair<std::string_view, Op> kOps[] = {
      {"*", Op::mul}, {"/", Op::div}, {"//", Op::floor_div}, {"%", Op::mod}};
  const Expr* left = parse_power();
  while (true) {
    Op op = Op::none;
    for (const auto& [symbol, known] : kOps) {
      if (current().is_symbol(symbol)) op = known;
    }
    if (op == Op::none) return left;
    const int line = take().line;
    left = binary(op, left, parse_power(), line);
  }
}

const Expr* Parser::parse_power() {
  const Expr* left = parse_unary();
  while (current().is_symbol("**")) {
    const int line = take().line;
    left = binary(Op::power, left, parse_unary(), line);
  }
  return left;
}

const Expr* Parser::parse_unary(bool with_filter) {
  const Expr* node = nullptr;
  if (current().is_symbol("-") || current().is_symbol("+")) {
    const Depth depth(*this);
    const Token token = take();
    Expr* unary = ast_.new_expr(Expr::Kind::unary, token.line);
    unary->op = token.text == "-" ? Op::negate : Op::plus;
    unary->children = {parse_unary(false)};
    node = unary;
  } else {
    node = parse_primary();
  }
  node = parse_postfix(node);
  return with_filter ? parse_filters_and_tests(node) : node;
}

const Expr* Parser::parse_primary(bool namespaces) {
  const Depth depth(*this);
  const Token& token = current();
  if (token.kind == Token::Kind::name) return parse_name(namespaces);
  if (token.kind == Token::Kind::string) return parse_string();
  if (token.kind == Token::Kind::integer || token.kind == Token::Kind::real) return parse_number();
  if (token.is_symbol("[")) return parse_list();
  if (token.is_symbol("{")) return parse_dict();
  if (!token.is_symbol("(")) unexpected("an expression");
  take();
  const Expr* node = parse_tuple({.parentheses = true});
  expect_symbol(")");
  return node;
}

const Expr* Parser::parse_name(bool namespaces) {
  const Token token = take();
  Expr* node = ast_.new_expr(Expr::Kind::constant, token.line);
  if (token.text == "true" || token.text == "True") {
    node->value = true;
  } else if (token.text == "false" || token.text == "False") {
    node->value = false;
  } else if (token.text == "none" || token.text == "None") {
    node->value = None{};
  } else {
    node->kind = Expr::Kind::name;
    node->name = ast_.intern(token.text);
    for (MacroDefinition* macro : open_macros_) {
      macro->uses_caller |= token.text == "caller";
      macro->uses_varargs |= token.text == "varargs";
      macro->uses_kwargs |= token.text == "kwargs";
    }
    if (namespaces && skip_symbol(".")) {
      node->kind = Expr::Kind::namespace_item;
      node->text = ast_.name(ast_.intern(expect_name()));
    }
  }
  return node;
}

const Expr* Parser::parse_number() {
  const Token token = take();
  Expr* node = ast_.new_expr(Expr::Kind::constant, token.line);
  const char* begin = token.text.data();
  const char* end = begin + token.text.size();
  if (token.kind == Token::Kind::real) {
    node->value = std::strtod(token.text.c_str(), nullptr);  // too large a number is inf, as in Python
    return node;
  }
  int base = 10;
  if (token.text.size() > 2 && token.text[0] == '0') {
    const char letter = static_cast<char>(token.text[1] | 0x20);
    base = letter == 'b' ? 2 : letter == 'o' ? 8 : letter == 'x' ? 16 : 10;
    if (base != 10) begin += 2;
  }
  std::int64_t value = 0;
  const auto [stopped, status] = std::from_chars(begin, end, value, base);
  if (status != std::errc() || stopped != end) {
    fail_at(token.line, fmt::format("the integer {} is out of the supported 64-bit range", token.text));
  }
  node->value = value;
  return node;
}

const Expr* Parser::parse_string() {
  Expr* node = ast_.new_expr(Expr::Kind::constant, current().line);
  Text text;
  while (current().kind == Token::Kind::string) text.append(take().text, false);
  node->value = std::move(text);
  return node;
}

bool Parser::at_tuple_end(const TupleRules& rules) const {
  const Token& token = current();
  return token.kind == Token::Kind::output_end || token.kind == Token::Kind::block_end ||
         token.is_symbol(")") ||
         (!rules.end_name.empty() && (token.is_name(rules.end_name) || token.is_symbol(rules.end_name)));
}

const Expr* Parser::parse_tuple(const TupleRules& rules) {
  const Depth depth(*this);
  Expr* tuple = nullptr;
  const Expr* single = nullptr;
  const int line = current().line;
  while (!at_tuple_end(rules)) {
    single = rules.targets_only ? parse_primary(rules.namespaces) : parse_expression(rules.conditional);
    if (tuple != nullptr) tuple->children.push_back(single);
    if (!current().is_symbol(",")) break;
    if (tuple == nullptr) {
      tuple = ast_.new_expr(Expr::Kind::tuple, line);
      tuple->children.push_back(single);
    }
    take();
  }
  if (tuple != nullptr) return tuple;
  if (single != nullptr) return single;
  if (!rules.parentheses) unexpected("an expression");
  return ast_.new_expr(Expr::Kind::tuple, line);
}

const Expr* Parser::parse_list() {
  Expr* node = ast_.new_expr(Expr::Kind::list, take().line);
  while (!current().is_symbol("]")) {
    if (!node->children.empty()) expect_symbol(",");
    if (current().is_symbol("]")) break;
    node->children.push_back(parse_expression());
  }
  expect_symbol("]");
  return node;
}

const Expr* Parser::parse_dict() {
  Expr* node = ast_.new_expr(Expr::Kind::dict, take().line);
  while (!current().is_symbol("}")) {
    if (!node->children.empty()) expect_symbol(",");
    if (current().is_symbol("}")) break;
    node->children.push_back(parse_expression());
    expect_symbol(":");
    node->children.push_back(parse_expression());
  }
  expect_symbol("}");
  return node;
}

const Expr* Parser::parse_target(const TupleRules& rules) {
  const Expr* target = parse_tuple(rules);
  check_target(target);
  return target;
}

void Parser::check_target(const Expr* target) const {
  if (target->kind == Expr::Kind::name || target->kind == Expr::Kind::namespace_item) return;
  if (target->kind != Expr::Kind::tuple) fail_at(target->line, "this cannot be assigned to");
  for (const Expr* item : target->children) check_target(item);
}

}  // namespace armorm::text::jinja
