#include <algorithm>
#include <array>
#include <cmath>

#include "mutations/mutation.h"

namespace armorm::test {
namespace {

using Json = nlohmann::json;

constexpr double kTolerance = 2e-5;  // of a value in float32

bool is_close(double a, double b) { return std::abs(a - b) <= kTolerance * std::max(1.0, std::abs(b)); }

bool is_same(const Json& ours, const Json& theirs) {
  if (ours.is_number() && theirs.is_number()) return is_close(ours.get<double>(), theirs.get<double>());
  if (ours.type() != theirs.type() || !ours.is_structured()) return ours == theirs;
  if (ours.size() != theirs.size()) return false;
  if (ours.is_array()) return std::equal(ours.begin(), ours.end(), theirs.begin(), theirs.end(), is_same);
  return std::all_of(ours.items().begin(), ours.items().end(), [&](const auto& member) {
    return theirs.contains(member.key()) && is_same(member.value(), theirs.at(member.key()));
  });
}

bool has_name(const Json& mutation, const std::string& text) {
  const Json& names = mutation.at("names");
  return std::any_of(names.begin(), names.end(), [&](const Json& name) {
    return text.find(name.get<std::string>()) != std::string::npos;
  });
}

Verdict verdict_of_error(const Json& mutation, const Outcome& outcome) {
  if (outcome.is_internal) return Verdict::broken;
  if (has_name(mutation, outcome.error)) return Verdict::refused;
  return mutation.at("expected").empty() ? Verdict::both : Verdict::unnamed;
}

}  // namespace

std::string_view name_of(Verdict verdict) {
  constexpr std::array<std::string_view, kVerdicts> names{"equal",   "warned",  "refused", "both",
                                                          "lenient", "unnamed", "silent",  "broken"};
  return names[static_cast<std::size_t>(verdict)];
}

Verdict judge(const Json& mutation, const Outcome& outcome) {
  if (!outcome.error.empty()) return verdict_of_error(mutation, outcome);
  const bool is_warned = std::any_of(outcome.log.begin(), outcome.log.end(),
                                     [&](const std::string& line) { return has_name(mutation, line); });
  const Json& expected = mutation.at("expected");
  const bool is_equal = std::any_of(expected.begin(), expected.end(),
                                    [&](const Json& value) { return is_same(outcome.value, value); });
  const bool must_name = mutation.value("account", false);
  if (is_equal && (!must_name || is_warned)) return is_warned ? Verdict::warned : Verdict::equal;
  if (is_warned) return Verdict::warned;
  const bool is_unread = !mutation.value("harmless", false) && is_same(outcome.value, mutation.at("without"));
  if (expected.empty() && !must_name && !is_unread) return Verdict::lenient;
  return Verdict::silent;
}

}  // namespace armorm::test
