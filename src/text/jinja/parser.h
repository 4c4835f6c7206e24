// Recursive descent over the tokens, with the grammar of jinja2's parser.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/lexer.h"

namespace armorm::text::jinja {

class Parser {
 public:
  explicit Parser(std::string_view source);
  Ast run();

 private:
  using Names = std::initializer_list<std::string_view>;

  // Tokens.
  const Token& current() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  Token take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool skip_symbol(std::string_view symbol);
  bool skip_name(std::string_view name);
  void expect_symbol(std::string_view symbol);
  std::string expect_name();
  void expect_end_of_tag();
  [[noreturn]] void unexpected(std::string_view expected) const;

  // Statements.
  Block parse_block(Names end_tags);
  // The body of a tag up to and including its end tag; returns the name of the end tag.
  std::string parse_body(Block& body, Names end_tags);
  bool at_tag(Names tags) const;
  const Stmt* parse_statement();
  const Stmt* parse_simple_statement(const std::string& tag, int line);
  const Stmt* parse_if(int line);
  const Stmt* parse_for(int line);
  const Stmt* parse_set(int line);
  const Stmt* parse_with(int line);
  const Stmt* parse_macro(int line);
  const Stmt* parse_call_block(int line);
  const Stmt* parse_filter_block(int line);
  const Stmt* parse_named_block(int line);
  const Stmt* parse_loop_control(Stmt::Kind kind, int line);
  void parse_signature(MacroDefinition& macro);
  void parse_macro_body(MacroDefinition& macro, std::string_view end_tag);

  // Expressions.
  struct TupleRules {
    bool targets_only = false;
    bool conditional = true;
    bool parentheses = false;
    bool namespaces = false;
    std::string_view end_name = {};
  };
  const Expr* parse_expression(bool conditional = true);
  const Expr* parse_conditional();
  const Expr* parse_or();
  const Expr* parse_and();
  const Expr* parse_not();
  const Expr* parse_compare();
  const Expr* parse_sum();
  const Expr* parse_concat();
  const Expr* parse_product();
  const Expr* parse_power();
  const Expr* parse_unary(bool with_filter = true);
  const Expr* parse_primary(bool namespaces = false);
  const Expr* parse_name(bool namespaces);
  const Expr* parse_number();
  const Expr* parse_string();
  const Expr* parse_tuple(const TupleRules& rules);
  bool at_tuple_end(const TupleRules& rules) const;
  const Expr* parse_list();
  const Expr* parse_dict();
  const Expr* parse_postfix(const Expr* node);
  const Expr* parse_filters_and_tests(const Expr* node);
  const Expr* parse_attribute(const Expr* node);
  const Expr* parse_subscript(const Expr* node);
  const Expr* parse_call(const Expr* node);
  const Expr* parse_filter(const Expr* node, int line);  // starts at the name
  const Expr* parse_filters(const Expr* node);           // any number of "|" and a filter
  const Expr* parse_test(const Expr* node);
  void parse_test_argument(CallArguments& arguments);
  void parse_arguments(CallArguments& arguments);
  const Expr* parse_target(const TupleRules& rules);
  void check_target(const Expr* target) const;
  bool at_comparison(Op& op);
  const Expr* binary(Op op, const Expr* left, const Expr* right, int line);
  std::string parse_dotted_name();
  void unknown(int line, std::string_view kind, std::string_view name);

  // jinja2 looks filters and tests up at once, except in conditions: there an unknown one is an error where
  // it is reached. Bodies that it makes functions of (loops, macros, blocks) are looked up at once again.
  class Lookup {
   public:
    Lookup(Parser& parser, bool at_once) : parser_(parser), outer_(parser.late_lookup_) {
      parser.late_lookup_ = !at_once;
    }
    ~Lookup() { parser_.late_lookup_ = outer_; }
    Lookup(const Lookup&) = delete;
    Lookup& operator=(const Lookup&) = delete;

   private:
    Parser& parser_;
    bool outer_;
  };

  // Counts nested constructs, so that hostile nesting fails before the stack overflows.
  class Depth {
   public:
    explicit Depth(Parser& parser);
    ~Depth() { --parser_.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;

   private:
    Parser& parser_;
  };

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
  int loops_ = 0;
  bool late_lookup_ = false;
  std::vector<std::pair<int, std::string>> unknown_;  // looked up at once: line and message
  std::vector<std::string> block_names_;
  std::vector<MacroDefinition*> open_macros_;
  Ast ast_;
};

}  // namespace armorm::text::jinja
