// Filters on lists and dicts.
#include <algorithm>
#include <optional>

#include "text/jinja/eval.h"
#include "text/jinja/failure.h"
#include "text/jinja/filters.h"
#include "text/jinja/limits.h"
#include "text/jinja/python_unicode.h"
#include "text/jinja/strings.h"

namespace armorm::text::jinja {
namespace {

constexpr auto kGenerator = Sequence::Kind::generator;

// Looks "a.b.0" up component by component, like jinja2's make_attrgetter.
Value get_path(Evaluator& evaluator, const Value& value, const Value& path, const Value* otherwise) {
  Value found = value;
  std::vector<Value> parts = {path};
  const Text dot = Text::trusted(".");
  if (path.text() != nullptr) parts = split(*path.text(), &dot, -1, false);
  for (const Value& part : parts) {
    const bool digits = part.text() != nullptr && !part.text()->empty() && part.text()->size() < 10 &&
                        part.text()->bytes().find_first_not_of("0123456789") == std::string::npos;
    found = evaluator.item(found, digits ? Value(std::int64_t{std::stoll(part.text()->bytes())}) : part);
    if (found.is_undefined() && otherwise != nullptr) found = *otherwise;
  }
  return found;
}

Value fold_case(const Value& value) { return value.text() == nullptr ? value : Value(lower(*value.text())); }

struct SortItem {
  std::vector<Value> keys;
  Value value;
};

bool before(const SortItem& a, const SortItem& b) {
  for (std::size_t i = 0; i < a.keys.size(); ++i) {
    if (!equal(a.keys[i], b.keys[i])) return compare(a.keys[i], b.keys[i]) < 0;
  }
  return false;
}

std::vector<Value> sort_items(std::vector<SortItem> items, bool reverse) {
  // Python's reverse sort is stable too.
  std::stable_sort(items.begin(), items.end(), [&](const SortItem& a, const SortItem& b) {
    return reverse ? before(b, a) : before(a, b);
  });
  std::vector<Value> values;
  for (SortItem& item : items) values.push_back(std::move(item.value));
  return values;
}

Value filter_sort(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "sort", {"reverse", "case_sensitive", "attribute"});
  std::vector<Value> paths;
  if (bound.has(2) && bound[2].text() != nullptr) {
    const Text comma = Text::trusted(",");
    paths = split(*bound[2].text(), &comma, -1, false);
  } else if (bound.has(2) && !bound[2].is_none()) {
    paths = {bound[2]};
  }
  std::vector<SortItem> items;
  for (const Value& value : iterate(input)) {
    SortItem item{{}, value};
    for (const Value& path : paths) item.keys.push_back(get_path(evaluator, value, path, nullptr));
    if (paths.empty()) item.keys = {value};
    if (!bound.flag(1, false))
      std::transform(item.keys.begin(), item.keys.end(), item.keys.begin(), fold_case);
    items.push_back(std::move(item));
  }
  return make_sequence(sort_items(std::move(items), bound.flag(0, false)));
}

Value filter_dict_sort(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "dictsort", {"case_sensitive", "by", "reverse"});
  if (input.mapping() == nullptr) fail("dictsort needs a dict, not {}", type_name(input));
  const std::string by = bound.has(1) ? bound.text(1).bytes() : "key";
  if (by != "key" && by != "value") fail("dictsort sorts by 'key' or 'value', not '{}'", by);
  std::vector<SortItem> items;
  for (const auto& [key, value] : input.mapping()->items) {
    const Value& chosen = by == "key" ? key : value;
    items.push_back({{bound.flag(0, false) ? chosen : fold_case(chosen)},
                     make_sequence({key, value}, Sequence::Kind::tuple)});
  }
  return make_sequence(sort_items(std::move(items), bound.flag(2, false)));
}

Value filter_unique(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "unique", {"case_sensitive", "attribute"});
  std::vector<Value> seen;
  std::vector<Value> kept;
  for (const Value& value : iterate(input)) {
    Value key = bound.has(1) && !bound[1].is_none() ? get_path(evaluator, value, bound[1], nullptr) : value;
    if (!bound.flag(0, false)) key = fold_case(key);
    evaluator.charge(seen.size());
    if (std::any_of(seen.begin(), seen.end(), [&](const Value& known) { return equal(known, key); }))
      continue;
    seen.push_back(std::move(key));
    kept.push_back(value);
  }
  return make_sequence(std::move(kept), kGenerator);
}

template <bool maximum>
Value filter_extreme(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, maximum ? "max" : "min", {"case_sensitive", "attribute"});
  Value best;
  Value best_key;
  bool first = true;
  for (const Value& value : iterate(input)) {
    Value key = bound.has(1) && !bound[1].is_none() ? get_path(evaluator, value, bound[1], nullptr) : value;
    if (!bound.flag(0, false)) key = fold_case(key);
    if (first || (maximum ? compare(key, best_key) > 0 : compare(key, best_key) < 0)) {
      best = value;
      best_key = std::move(key);
    }
    first = false;
  }
  return best;
}

// Pairs of a key and its items, ordered by key, like jinja2's do_groupby.
Value filter_groupby(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "groupby", {"attribute", "default", "case_sensitive"}, 1);
  const Value* otherwise = bound.has(1) && !bound[1].is_none() ? &bound[1] : nullptr;
  std::vector<SortItem> items;
  for (const Value& value : iterate(input)) {
    const Value key = get_path(evaluator, value, bound[0], otherwise);
    items.push_back({{bound.flag(2, false) ? key : fold_case(key)}, make_sequence({key, value})});
  }
  std::vector<Value> groups;
  std::vector<Value> members;
  Value folded;
  Value first_key;
  const auto finish = [&] {
    if (members.empty()) return;
    auto pair = std::make_shared<Sequence>(
        *make_sequence({first_key, make_sequence(std::exchange(members, {}))}, Sequence::Kind::tuple)
             .sequence());
    pair->group = true;
    groups.emplace_back(SequencePtr(std::move(pair)));
  };
  for (const Value& item : sort_items(std::move(items), false)) {
    const Value& key = item.sequence()->items[0];
    const Value now = bound.flag(2, false) ? key : fold_case(key);
    if (members.empty() || !equal(now, folded)) {
      finish();
      folded = now;
      first_key = key;
    }
    members.push_back(item.sequence()->items[1]);
  }
  finish();
  return make_sequence(std::move(groups));
}

// pprint.pformat() where it writes one line: like repr, with the keys of dicts in order.
Value sorted_keys(const Value& value) {
  if (const Sequence* sequence = value.sequence();
      sequence != nullptr && sequence->kind <= Sequence::Kind::tuple) {
    std::vector<Value> items;
    for (const Value& item : sequence->items) items.push_back(sorted_keys(item));
    return make_sequence(std::move(items), sequence->kind);
  }
  if (value.mapping() == nullptr) return value;
  std::vector<SortItem> items;
  for (const auto& [key, held] : value.mapping()->items)
    items.push_back({{key}, make_sequence({key, sorted_keys(held)})});
  std::vector<std::pair<Value, Value>> sorted;
  for (const Value& item : sort_items(std::move(items), false))
    sorted.emplace_back(item.sequence()->items[0], item.sequence()->items[1]);
  return make_mapping(std::move(sorted));
}

Value filter_pprint(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "pprint", {});
  Text text;
  append_repr(text, sorted_keys(input));
  constexpr std::size_t kWidth = 80;
  const bool breaks = input.text() != nullptr || input.sequence() != nullptr || input.mapping() != nullptr;
  if (breaks && count_code_points(text.view()) > kWidth)
    fail("pprint of more than {} characters, which it breaks into lines, is not supported", kWidth);
  return text;
}

Value filter_sum(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "sum", {"attribute", "start"});
  Value total = bound.has(1) ? bound[1] : Value(std::int64_t{0});
  if (total.text() != nullptr) fail("sum does not take strings");
  for (const Value& value : iterate(input)) {
    const bool path = bound.has(0) && !bound[0].is_none();
    total = binary_operation(Op::add, total, path ? get_path(evaluator, value, bound[0], nullptr) : value);
    evaluator.charge(weight(total));
  }
  return total;
}

Value filter_join(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "join", {"d", "attribute"});
  std::vector<Text> parts;
  for (const Value& value : iterate(input)) {
    parts.push_back(
        to_text(bound.has(1) && !bound[1].is_none() ? get_path(evaluator, value, bound[1], nullptr) : value));
  }
  return join(bound.has(0) ? to_text(bound[0]) : Text(), parts);
}

Value filter_length(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "length", {});
  return static_cast<std::int64_t>(length_of(input));
}

Value filter_list(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "list", {});
  return make_sequence(iterate(input));
}

Value filter_first(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "first", {});
  const Sequence* sequence = input.sequence();
  if (sequence != nullptr && sequence->kind == kGenerator) {
    return sequence->consumed < sequence->items.size() ? sequence->items[sequence->consumed++] : Value();
  }
  if (sequence != nullptr) return sequence->items.empty() ? Value() : sequence->items.front();
  if (input.text() != nullptr)
    return slice_value(input, None{}, std::int64_t{1}, None{}).text()->empty()
               ? Value()
               : slice_value(input, None{}, std::int64_t{1}, None{});
  const std::vector<Value> items = iterate(input);
  return items.empty() ? Value() : items.front();
}

Value filter_last(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "last", {});
  if (input.sequence() != nullptr && input.sequence()->kind == kGenerator)
    fail("a generator cannot be reversed");
  const std::vector<Value> items = iterate(input);
  return items.empty() ? Value() : items.back();
}

Value filter_reverse(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "reverse", {});
  if (input.text() != nullptr) return slice_value(input, None{}, None{}, std::int64_t{-1});
  std::vector<Value> items = iterate(input);
  std::reverse(items.begin(), items.end());
  return make_sequence(std::move(items), kGenerator);
}

Value filter_items(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "items", {});
  if (input.is_undefined()) return make_sequence({}, kGenerator);
  if (input.mapping() == nullptr) fail("items needs a dict, not {}", type_name(input));
  std::vector<Value> items;
  for (const auto& [key, value] : input.mapping()->items) {
    items.push_back(make_sequence({key, value}, Sequence::Kind::tuple));
  }
  return make_sequence(std::move(items), kGenerator);
}

Value filter_attr(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "attr", {"name"}, 1);
  if (input.mapping() != nullptr && !has_method(input, bound.text(0).view())) return {};
  return evaluator.attribute(input, bound.text(0).view());
}

// Takes the name of the filter or test given to map or select; the remaining arguments are for that one.
std::string take_name(Arguments& arguments, std::string_view callee) {
  if (arguments.positional.empty() || arguments.positional[0].text() == nullptr)
    fail("'{}' needs a name", callee);
  std::string name = arguments.positional[0].text()->bytes();
  arguments.positional.erase(arguments.positional.begin());
  return name;
}

Value filter_map_items(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  std::vector<Value> mapped;
  if (!truth(input)) return make_sequence({}, kGenerator);
  if (arguments.positional.empty()) {
    const Bound bound(arguments, "map", {"attribute", "default"}, 1);
    const Value* otherwise = bound.has(1) && !bound[1].is_none() ? &bound[1] : nullptr;
    for (const Value& value : iterate(input))
      mapped.push_back(get_path(evaluator, value, bound[0], otherwise));
    return make_sequence(std::move(mapped), kGenerator);
  }
  Arguments rest = arguments;
  const std::string name = take_name(rest, "map");
  for (const Value& value : iterate(input)) mapped.push_back(evaluator.apply_filter(name, value, rest));
  return make_sequence(std::move(mapped), kGenerator);
}

template <bool by_attribute, bool wanted>
Value filter_select(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  if (!truth(input)) return make_sequence({}, kGenerator);
  Arguments rest = arguments;
  Value path;
  if (by_attribute) {
    if (rest.positional.empty()) fail("'selectattr' and 'rejectattr' need the name of an attribute");
    path = rest.positional[0];
    rest.positional.erase(rest.positional.begin());
  }
  const bool named = !rest.positional.empty();
  const std::string name = named ? take_name(rest, "select") : std::string();
  std::vector<Value> kept;
  for (const Value& value : iterate(input)) {
    const Value subject = by_attribute ? get_path(evaluator, value, path, nullptr) : value;
    if ((named ? evaluator.apply_test(name, subject, rest) : truth(subject)) == wanted) kept.push_back(value);
  }
  return make_sequence(std::move(kept), kGenerator);
}

Value filter_batch(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "batch", {"linecount", "fill_with"}, 1);
  const auto size = static_cast<std::size_t>(std::max<std::int64_t>(bound.integer(0, 1), 1));
  if (size > kMaxItems) fail("a batch grows past {} items", kMaxItems);
  std::vector<Value> batches;
  std::vector<Value> batch;
  for (Value& value : iterate(input)) {
    if (batch.size() == size) batches.push_back(make_sequence(std::exchange(batch, {})));
    batch.push_back(std::move(value));
  }
  if (!batch.empty()) {
    if (bound.has(1) && !bound[1].is_none()) batch.resize(size, bound[1]);
    batches.push_back(make_sequence(std::move(batch)));
  }
  return make_sequence(std::move(batches), kGenerator);
}

Value filter_slice(Evaluator&, const Value& input, const Arguments& arguments) {
  const Bound bound(arguments, "slice", {"slices", "fill_with"}, 1);
  const std::vector<Value> items = iterate(input);
  const auto slices = static_cast<std::size_t>(std::max<std::int64_t>(bound.integer(0, 1), 0));
  if (slices == 0) fail("slice needs at least one slice");
  if (slices > kMaxItems) fail("a list grows past {} items", kMaxItems);
  const std::size_t base = items.size() / slices;
  const std::size_t longer = items.size() % slices;
  std::vector<Value> parts;
  auto from = items.begin();
  for (std::size_t i = 0; i < slices; ++i) {
    const auto to = from + static_cast<std::ptrdiff_t>(base + (i < longer ? 1 : 0));
    std::vector<Value> part(from, to);
    if (i >= longer && bound.has(1) && !bound[1].is_none()) part.push_back(bound[1]);
    parts.push_back(make_sequence(std::move(part)));
    from = to;
  }
  return make_sequence(std::move(parts), kGenerator);
}

constexpr FilterEntry kFilters[] = {
    {"attr", filter_attr},
    {"batch", filter_batch},
    {"count", filter_length},
    {"dictsort", filter_dict_sort},
    {"first", filter_first},
    {"groupby", filter_groupby},
    {"items", filter_items},
    {"join", filter_join},
    {"last", filter_last},
    {"length", filter_length},
    {"list", filter_list},
    {"map", filter_map_items},
    {"max", filter_extreme<true>},
    {"min", filter_extreme<false>},
    {"pprint", filter_pprint},
    {"reject", filter_select<false, false>},
    {"rejectattr", filter_select<true, false>},
    {"reverse", filter_reverse},
    {"select", filter_select<false, true>},
    {"selectattr", filter_select<true, true>},
    {"slice", filter_slice},
    {"sort", filter_sort},
    {"sum", filter_sum},
    {"unique", filter_unique},
};

}  // namespace

std::span<const FilterEntry> sequence_filters() { return kFilters; }

}  // namespace armorm::text::jinja
