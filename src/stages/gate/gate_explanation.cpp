#include "stages/gate/gate_explanation.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "report/json_values.h"
#include "report/source_figures.h"

namespace armorm::stages::gate {
namespace {

using report::shortest;

// The input of an explanation; row i of everything is pair set.rows[i].
struct Explained {
  const ExplainedSet& set;
  const gating::PairGates gates;
  const std::vector<float> margins;
  const float logit_scale;
  const std::size_t k;

  std::size_t size() const { return margins.size(); }
  std::span<const float> gate(std::size_t i, bool chosen) const {
    return std::span(chosen ? gates.chosen : gates.rejected).subspan(i * k, k);
  }
  std::string subset(std::size_t i) const {
    const auto& subset_of = set.pairs.subset_of();
    if (subset_of.empty()) return "";
    return set.pairs
        .subset_names()[static_cast<std::size_t>(subset_of[static_cast<std::size_t>(set.rows[i])])];
  }
};

std::vector<float> margins_of(const gating::PairScores& scores) {
  std::vector<float> margins(scores.chosen.size());
  std::transform(scores.chosen.begin(), scores.chosen.end(), scores.rejected.begin(), margins.begin(),
                 std::minus<>());
  return margins;
}

// ---- weights by kind of prompt

struct Kind {
  std::string name;
  std::vector<std::size_t> members;
};

// Kinds named in `order` come first, in that order; the others follow in order of appearance.
std::vector<Kind> group(std::size_t n, const std::vector<std::string>& order, const auto& name_of) {
  std::vector<Kind> kinds;
  for (const std::string& name : order) kinds.push_back({name, {}});
  for (std::size_t i = 0; i < n; ++i) {
    const std::string name = name_of(i);
    auto found =
        std::find_if(kinds.begin(), kinds.end(), [&](const Kind& kind) { return kind.name == name; });
    if (found == kinds.end()) found = kinds.insert(kinds.end(), {name, {}});
    found->members.push_back(i);
  }
  std::erase_if(kinds, [](const Kind& kind) { return kind.members.empty(); });
  return kinds;
}

// Weights that are not measured for a kind without members.
report::KindWeights weights_of(const Explained& e, const Kind& kind) {
  std::vector<double> mean(e.k, kind.members.empty() ? stats::kNotMeasured : 0.0);
  for (const std::size_t i : kind.members)
    for (std::size_t k = 0; k < e.k; ++k)
      mean[k] += static_cast<double>(e.gate(i, true)[k]) / static_cast<double>(kind.members.size());
  return {kind.name, static_cast<std::int64_t>(kind.members.size()), std::move(mean)};
}

std::vector<Kind> kinds_of(const Explained& e, const std::vector<std::string>& attributes) {
  if (!e.set.pairs.subset_of().empty())
    return group(e.size(), e.set.subset_order, [&](std::size_t i) { return e.subset(i); });
  return group(e.size(), attributes, [&](std::size_t i) {
    const auto weights = e.gate(i, true);
    return attributes[static_cast<std::size_t>(std::max_element(weights.begin(), weights.end()) -
                                               weights.begin())];
  });
}

report::WeightsByKind weights_by_kind(const Explained& e, const std::vector<Kind>& kinds) {
  report::WeightsByKind out{e.set.name, e.set.pairs.subset_of().empty() ? "largest attribute" : "subset", {}};
  for (const Kind& kind : kinds) out.kinds.push_back(weights_of(e, kind));
  return out;
}

std::optional<report::WeightsByKind> weights_by_source(const Explained& e) {
  if (e.set.pairs.sources().names.empty()) return std::nullopt;
  report::WeightsByKind out{e.set.name, report::kBySource, {}};
  for (SourceGroup& group : group_by_source(e.set.pairs.sources(), e.set.rows))
    out.kinds.push_back(weights_of(e, {std::move(group.name), std::move(group.members)}));
  return out;
}

// ---- examples

// score = sum over k of scale * gate_k * (r T)_k
std::vector<double> contributions(const Explained& e, std::span<const float> gate,
                                  std::span<const float> debiased) {
  std::vector<double> out;
  for (std::size_t k = 0; k < e.k; ++k) out.push_back(shortest(e.logit_scale * gate[k] * debiased[k]));
  return out;
}

report::ExamplePair example_of(const Explained& e, std::size_t i, const std::string& why) {
  const std::int64_t row = e.set.rows[i];
  const auto pair = static_cast<std::size_t>(row);
  const gating::PairData after = e.set.pairs.data();
  const gating::PairData before = e.set.pairs.data_before_transform();
  report::ExamplePair out;
  out.why = why;
  out.position = row;
  if (const auto& ids = e.set.pairs.row_ids(); !ids.empty()) out.row_id = ids[pair];
  out.subset = e.subset(i);
  out.prompts_differ = after.chosen_prompt[pair] != after.rejected_prompt[pair];
  out.margin = shortest(e.margins[i]);
  out.score = {shortest(e.gates.scores.chosen[i]), shortest(e.gates.scores.rejected[i])};
  out.gate = {shortest(e.gate(i, true)), shortest(e.gate(i, false))};
  out.reward = {shortest(before.chosen.row(row)), shortest(before.rejected.row(row))};
  out.debiased = {shortest(after.chosen.row(row)), shortest(after.rejected.row(row))};
  out.contribution = {contributions(e, e.gate(i, true), after.chosen.row(row)),
                      contributions(e, e.gate(i, false), after.rejected.row(row))};
  return out;
}

// Chooses each row once: the first request for it wins.
class ExampleList {
 public:
  explicit ExampleList(const Explained& explained) : e_(explained) {}

  // Adds the first `count` rows, ordered by `less` and then by position, for which `wanted` holds and which
  // no earlier group has.
  void add(const std::string& why, const auto& wanted, const auto& less, std::size_t count) {
    std::vector<std::size_t> first;
    for (std::size_t i = 0; i < e_.size(); ++i) {
      if (!wanted(i) || taken_.contains(i)) continue;
      if (first.size() == count && !less(i, first.back())) continue;
      first.insert(std::upper_bound(first.begin(), first.end(), i, less), i);
      if (first.size() > count) first.pop_back();
    }
    for (const std::size_t i : first) take(why, i);
  }
  void take(const std::string& why, std::size_t i) {
    if (taken_.insert(i).second) rows_.push_back(example_of(e_, i, why));
  }
  std::vector<report::ExamplePair> rows() && { return std::move(rows_); }

 private:
  const Explained& e_;
  std::set<std::size_t> taken_;
  std::vector<report::ExamplePair> rows_;
};

std::vector<report::ExamplePair> examples_of(const Explained& e, const std::vector<Kind>& kinds) {
  const auto margin = [&](std::size_t i) { return e.margins[i]; };
  const auto ascending = [&](std::size_t a, std::size_t b) { return margin(a) < margin(b); };
  ExampleList list(e);
  list.add(
      "surest and right", [&](std::size_t i) { return margin(i) > 0; },
      [&](std::size_t a, std::size_t b) { return margin(a) > margin(b); }, kExamplesPerGroup);
  list.add(
      kSurestWrong, [&](std::size_t i) { return margin(i) < 0; }, ascending, e.set.wrong);
  list.add(
      "closest", [](std::size_t) { return true; },
      [&](std::size_t a, std::size_t b) { return std::abs(margin(a)) < std::abs(margin(b)); },
      kExamplesPerGroup);
  if (e.set.pairs.subset_of().empty()) return std::move(list).rows();
  for (Kind kind : kinds) {  // the median pair of each subset
    std::stable_sort(kind.members.begin(), kind.members.end(), ascending);
    list.take("typical of its subset", kind.members[kind.members.size() / 2]);
  }
  return std::move(list).rows();
}

}  // namespace

Explanation explain(const GateScorer& scorer, const ExplainedSet& set,
                    const std::vector<std::string>& attributes) {
  gating::PairGates gates = gating::pair_gates(scorer.gate, set.pairs.data(), set.rows, scorer.softmax,
                                               scorer.temperature, scorer.device, scorer.memory);
  std::vector<float> margins = margins_of(gates.scores);
  const Explained e{set, std::move(gates), std::move(margins), scorer.gate.logit_scale, attributes.size()};
  const std::vector<Kind> kinds = kinds_of(e, attributes);
  return {weights_by_kind(e, kinds), weights_by_source(e), {set.name, examples_of(e, kinds)}};
}

}  // namespace armorm::stages::gate
