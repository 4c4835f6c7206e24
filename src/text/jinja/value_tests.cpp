// The tests of "x is ...".
#include <algorithm>
#include <cmath>

#include "text/jinja/eval.h"
#include "text/jinja/failure.h"
#include "text/jinja/strings.h"

namespace armorm::text::jinja {
namespace {

struct Entry {
  std::string_view name;
  TestFunction test;
};

template <bool (*function)(const Value&)>
bool unary(Evaluator&, const Value& value, const Arguments& arguments) {
  const Bound bound(arguments, "this test", {});
  return function(value);
}

template <Op op>
bool ordered(Evaluator&, const Value& value, const Arguments& arguments) {
  const Bound bound(arguments, "this test", {"other"}, 1);
  return compare_operation(op, value, bound[0]);
}

bool remainder_is(const Value& value, const Value& divisor, std::int64_t wanted) {
  return equal(binary_operation(Op::mod, value, divisor), wanted);
}

bool is_defined(const Value& value) { return !value.is_undefined(); }
bool is_undefined(const Value& value) { return value.is_undefined(); }
bool is_none(const Value& value) { return value.is_none(); }
bool is_boolean(const Value& value) { return value.is<bool>(); }
bool is_true(const Value& value) { return value.is<bool>() && *value.get<bool>(); }
bool is_false(const Value& value) { return value.is<bool>() && !*value.get<bool>(); }
bool is_integer(const Value& value) { return value.is<std::int64_t>(); }
bool is_float(const Value& value) { return value.is<double>(); }
bool is_number(const Value& value) { return value.is_number(); }
bool is_string(const Value& value) { return value.text() != nullptr; }
bool is_mapping(const Value& value) { return value.mapping() != nullptr; }
bool is_escaped(const Value& value) { return value.is<Markup>(); }
bool is_odd(const Value& value) { return remainder_is(value, std::int64_t{2}, 1); }
bool is_even(const Value& value) { return remainder_is(value, std::int64_t{2}, 0); }

bool is_callable(const Value& value) {
  return value.is<std::shared_ptr<const Callable>>() || value.is<std::shared_ptr<Loop>>() ||
         value.is_undefined() ||
         (value.is<Namespace*>() && (*value.get<Namespace*>())->kind == Namespace::Kind::joiner);
}

// Values with a length and subscripts.
bool is_sequence(const Value& value) {
  if (value.text() != nullptr || value.mapping() != nullptr || value.is_undefined()) return true;
  return value.sequence() != nullptr && value.sequence()->kind <= Sequence::Kind::range;
}

bool is_iterable(const Value& value) {
  return is_sequence(value) || value.sequence() != nullptr || value.is<std::shared_ptr<Loop>>();
}

bool in_case(const Value& value, bool upper_case) {
  const Text text = to_text(value);
  return has_method(text, "isupper") && !text.empty() &&
         (upper_case ? upper(text) : lower(text)).view() == text.view() &&
         (upper_case ? lower(text) : upper(text)).view() != text.view();
}
bool is_lower_text(const Value& value) { return in_case(value, false); }
bool is_upper_text(const Value& value) { return in_case(value, true); }

bool test_divisible(Evaluator&, const Value& value, const Arguments& arguments) {
  const Bound bound(arguments, "divisibleby", {"num"}, 1);
  return remainder_is(value, bound[0], 0);
}

bool test_same(Evaluator&, const Value& value, const Arguments& arguments) {
  const Bound bound(arguments, "sameas", {"other"}, 1);
  return same_object(value, bound[0]);
}

bool test_in(Evaluator& evaluator, const Value& value, const Arguments& arguments) {
  const Bound bound(arguments, "in", {"seq"}, 1);
  evaluator.charge(weight(bound[0]));
  return contains(bound[0], value);
}

bool test_filter(Evaluator&, const Value& value, const Arguments&) {
  return value.text() != nullptr && find_filter(value.text()->view()) != nullptr;
}

bool test_test(Evaluator&, const Value& value, const Arguments&) {
  return value.text() != nullptr && find_test(value.text()->view()) != nullptr;
}

constexpr Entry kTests[] = {
    {"defined", unary<is_defined>},
    {"undefined", unary<is_undefined>},
    {"none", unary<is_none>},
    {"boolean", unary<is_boolean>},
    {"true", unary<is_true>},
    {"false", unary<is_false>},
    {"integer", unary<is_integer>},
    {"float", unary<is_float>},
    {"number", unary<is_number>},
    {"string", unary<is_string>},
    {"mapping", unary<is_mapping>},
    {"sequence", unary<is_sequence>},
    {"iterable", unary<is_iterable>},
    {"callable", unary<is_callable>},
    {"escaped", unary<is_escaped>},
    {"odd", unary<is_odd>},
    {"even", unary<is_even>},
    {"lower", unary<is_lower_text>},
    {"upper", unary<is_upper_text>},
    {"divisibleby", test_divisible},
    {"sameas", test_same},
    {"in", test_in},
    {"filter", test_filter},
    {"test", test_test},
    {"eq", ordered<Op::eq>},
    {"equalto", ordered<Op::eq>},
    {"==", ordered<Op::eq>},
    {"ne", ordered<Op::ne>},
    {"!=", ordered<Op::ne>},
    {"gt", ordered<Op::gt>},
    {"greaterthan", ordered<Op::gt>},
    {">", ordered<Op::gt>},
    {"ge", ordered<Op::ge>},
    {">=", ordered<Op::ge>},
    {"lt", ordered<Op::lt>},
    {"lessthan", ordered<Op::lt>},
    {"<", ordered<Op::lt>},
    {"le", ordered<Op::le>},
    {"<=", ordered<Op::le>},
};

}  // namespace

TestFunction find_test(std::string_view name) {
  const auto* const found = std::find_if(std::begin(kTests), std::end(kTests),
                                         [&](const Entry& entry) { return entry.name == name; });
  return found == std::end(kTests) ? nullptr : found->test;
}

}  // namespace armorm::text::jinja
