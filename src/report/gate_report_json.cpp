#include <nlohmann/json.hpp>

#include "report/gate_report.h"
#include "report/json_values.h"

namespace armorm::report {
namespace {

using nlohmann::json;

template <class Item>
json list(const std::vector<Item>& items, json (*to_json)(const Item&)) {
  json out = json::array();
  for (const Item& item : items) out.push_back(to_json(item));
  return out;
}

json numbers(const std::vector<double>& values) {
  return list(
      values, +[](const double& v) { return json_number(v); });
}

// ---- scorers

json test_json(const AgainstGate& test) {
  return {{"both_right", test.both_right},
          {"only_gate_right", test.only_gate_right},
          {"only_this_right", test.only_this_right},
          {"both_wrong", test.both_wrong},
          {"p_value", json_number(test.p_value)}};
}

json scorer_json(const ScorerFigures& scorer) {
  json out{{"name", scorer.name},
           {"accuracy", json_number(scorer.accuracy)},
           {"low", json_number(scorer.interval.low)},
           {"high", json_number(scorer.interval.high)},
           {"loss", json_number(scorer.loss)}};
  if (scorer.against_gate) out["against_gate"] = test_json(*scorer.against_gate);
  return out;
}

json evaluated_set_json(const EvaluatedSet& set) {
  return {{"name", set.name}, {"pairs", set.pairs}, {"scorers", list(set.scorers, scorer_json)}};
}

json length_case_json(const LengthCase& group) {
  return {{"n", group.n},
          {"correct", group.correct},
          {"accuracy", json_number(group.accuracy)},
          {"low", json_number(group.interval.low)},
          {"high", json_number(group.interval.high)}};
}

json length_bias_json(const LengthBiasFigures& bias) {
  return {{"set", bias.set},
          {"name", bias.name},
          {"chosen_longer", length_case_json(bias.chosen_longer)},
          {"chosen_shorter", length_case_json(bias.chosen_shorter)},
          {"equal", length_case_json(bias.equal)},
          {"gap", json_number(bias.gap)},
          {"margin_correlation", json_number(bias.margin_correlation)}};
}

json source_scorer_json(const SourceScorer& scorer, std::int64_t pairs) {
  json out{{"name", scorer.name},
           {"correct", scorer.correct},
           {"accuracy", json_number(accuracy_of(scorer, pairs))},
           {"low", json_number(scorer.interval.low)},
           {"high", json_number(scorer.interval.high)},
           {"loss", json_number(scorer.loss)}};
  if (!scorer.length_bias) return out;
  out["length_bias"] = length_bias_json(*scorer.length_bias);
  for (const char* known : {"set", "name"}) out["length_bias"].erase(known);
  return out;
}

json source_figures_json(const SourceFigures& source) {
  json scorers = json::array();
  for (const SourceScorer& scorer : source.scorers)
    scorers.push_back(source_scorer_json(scorer, source.pairs));
  return {{"name", source.name}, {"pairs", source.pairs}, {"scorers", std::move(scorers)}};
}

json set_by_source_json(const SetBySource& set) {
  return {{"set", set.set}, {"sources", list(set.sources, source_figures_json)}};
}

// ---- benchmarks

json section_json(const SectionScore& section) {
  return {{"name", section.name},
          {"n", section.n},
          {"score", json_number(section.score)},
          {"low", json_number(section.interval.low)},
          {"high", json_number(section.interval.high)}};
}

json reward_bench_section_json(const SectionScore& section) {
  json out = section_json(section);
  out["missing"] = section.missing;
  return out;
}

json subset_json(const SubsetAccuracy& subset) {
  return {{"name", subset.name},
          {"n", subset.n},
          {"correct", subset.correct},
          {"low", json_number(subset.interval.low)},
          {"high", json_number(subset.interval.high)}};
}

json benchmark_scorer_json(const BenchmarkScorer& scorer) {
  return {{"name", scorer.name},
          {"score", json_number(scorer.score)},
          {"low", json_number(scorer.interval.low)},
          {"high", json_number(scorer.interval.high)}};
}

json reward_bench_scorer_json(const BenchmarkScorer& scorer) {
  json out = benchmark_scorer_json(scorer);
  out["sections"] = list(scorer.sections, reward_bench_section_json);
  out["subsets"] = list(scorer.subsets, subset_json);
  return out;
}

// Adds them to the result of reward_bench_scorer_json() for the same scorer.
void add_p_values(json& out, const BenchmarkScorer& scorer) {
  out["p_value"] = json_number(scorer.p_value);
  for (std::size_t i = 0; i < scorer.sections.size(); ++i)
    out["sections"][i]["p_value"] = json_number(scorer.sections[i].p_value);
  for (std::size_t i = 0; i < scorer.subsets.size(); ++i)
    out["subsets"][i]["p_value"] = json_number(scorer.subsets[i].p_value);
}

json reward_bench_json(const Benchmark& bench) {
  json out = list(bench.scorers, reward_bench_scorer_json);
  for (std::size_t i = 1; i < bench.scorers.size(); ++i) add_p_values(out[i], bench.scorers[i]);
  return out;
}

json ties_json(const TiesFigures& ties) {
  return {{"ref_accuracy", json_number(ties.ref_accuracy)},
          {"tied_accuracy", json_number(ties.tied_accuracy)},
          {"preferred", json_number(ties.preferred)},
          {"preferred_hard", json_number(ties.preferred_hard)},
          {"margin", json_number(ties.margin)}};
}

json reward_bench_2_scorer_json(const BenchmarkScorer& scorer) {
  json out = benchmark_scorer_json(scorer);
  out["sections"] = list(scorer.sections, section_json);
  out["ties"] = ties_json(scorer.ties);
  return out;
}

json reward_bench_2_json(const Benchmark& bench) {
  return {{"name", bench.dataset}, {"scorers", list(bench.scorers, reward_bench_2_scorer_json)}};
}

// ---- debiasing and training

json penalty_json(const PenaltyFigures& attribute) {
  return {{"name", attribute.name},
          {"penalty", json_number(attribute.penalty)},
          {"correlation_before", json_number(attribute.correlation_before)},
          {"correlation_after", json_number(attribute.correlation_after)},
          {"met", attribute.met}};
}

void add_debiasing(json& out, const Debiasing& debiasing) {
  out["debiasing"] = list(debiasing.attributes, penalty_json);
  out["verbosity_target"] = debiasing.length_target ? "length" : "attribute";
  out["transform"] = debiasing.transform;
  out["transform_applied"] = debiasing.transform_applied;
}

json training_step_json(const TrainingStep& step) {
  return {{"step", step.step},
          {"loss", json_number(step.loss)},
          {"learning_rate", json_number(step.learning_rate)},
          {"logit_scale", json_number(step.logit_scale)}};
}

json validation_step_json(const ValidationStep& step) {
  return {{"step", step.step}, {"accuracy", json_number(step.accuracy)}, {"loss", json_number(step.loss)}};
}

json curves_json(const TrainingRun& run) {
  return {{"train", list(run.train, training_step_json)},
          {"validation", list(run.validation, validation_step_json)},
          {"kept_step", run.kept_step},
          {"stopped_early", run.stopped_early}};
}

json run_json(const TrainingRun& run) {
  return {{"seed", run.seed},
          {"step", run.kept_step},
          {"accuracy", json_number(run.accuracy)},
          {"loss", json_number(run.loss)},
          {"training", curves_json(run)}};
}

json summary_json(const MeanAndDeviation& summary) {
  return {{"mean", json_number(summary.mean)}, {"deviation", json_number(summary.deviation)}};
}

void add_training(json& out, const TrainingFigures& training) {
  out["training"] = curves_json(training.kept_run());
  out["seeds"] = {{"runs", list(training.runs, run_json)},
                  {"kept", training.kept_run().seed},
                  {"accuracy", summary_json(training.accuracy)},
                  {"loss", summary_json(training.loss)}};
}

// ---- the gate

json attribute_usage_json(const AttributeUsage& attribute) {
  return {{"name", attribute.name},
          {"mean_weight", json_number(attribute.mean_weight)},
          {"top_share", json_number(attribute.top_share)}};
}

json usage_json(const UsageFigures& usage) {
  return {{"n", usage.n},
          {"attributes", list(usage.attributes, attribute_usage_json)},
          {"mean_entropy", json_number(usage.mean_entropy)},
          {"load_entropy", json_number(usage.load_entropy)},
          {"information", json_number(usage.information)},
          {"warnings", usage.warnings}};
}

json kind_json(const KindWeights& kind) {
  return {{"name", kind.name}, {"n", kind.n}, {"weights", numbers(kind.weights)}};
}

json kinds_json(const WeightsByKind& set) {
  return {{"set", set.set}, {"by", set.by}, {"kinds", list(set.kinds, kind_json)}};
}

json sides_json(const BothSides<std::vector<double>>& sides) {
  return {{"chosen", numbers(sides.chosen)}, {"rejected", numbers(sides.rejected)}};
}

json turns_json(const std::vector<Turn>& turns) {
  return list(
      turns, +[](const Turn& turn) {
        return json{{"role", turn.role}, {"content", turn.text}};
      });
}

json texts_json(const PairTexts& texts) {
  json out{{"prompt", turns_json(texts.prompt)},
           {"chosen", turns_json(texts.answer.chosen)},
           {"rejected", turns_json(texts.answer.rejected)}};
  if (!texts.rejected_prompt.empty()) out["rejected_prompt"] = turns_json(texts.rejected_prompt);
  return out;
}

json flip_json(const FlipFigures& flip) {
  json out{{"possible", flip.possible}};
  if (flip.possible) out.update({{"moved", json_number(flip.moved)}, {"change", numbers(flip.change)}});
  return out;
}

// Only pairs that are shown with their texts have more than numbers.
void add_reasons(json& out, const ExamplePair& pair) {
  if (pair.answers) out["answers"] = {pair.answers->chosen, pair.answers->rejected};
  if (pair.texts) out["texts"] = texts_json(*pair.texts);
  if (pair.flip) out["flip"] = flip_json(*pair.flip);
}

json example_json(const ExamplePair& pair) {
  json out{
      {"why", pair.why},
      {"position", pair.position},
      {"row_id", pair.row_id ? json(*pair.row_id) : json()},
      {"subset", pair.subset.empty() ? json() : json(pair.subset)},
      {"prompts_differ", pair.prompts_differ},
      {"margin", json_number(pair.margin)},
      {"score", {{"chosen", json_number(pair.score.chosen)}, {"rejected", json_number(pair.score.rejected)}}},
      {"gate", sides_json(pair.gate)},
      {"reward", sides_json(pair.reward)},
      {"debiased", sides_json(pair.debiased)},
      {"contribution", sides_json(pair.contribution)}};
  add_reasons(out, pair);
  return out;
}

json examples_json(const ExampleSet& set) {
  return {{"set", set.set}, {"rows", list(set.rows, example_json)}};
}

// ---- origin

json source_json(const Source& source) {
  json out{{"role", source.role}};
  for (const auto& [name, value] : source.properties)
    out[name] = std::visit([](const auto& v) { return json(v); }, value);
  return out;
}

json output_json(const Output& output) {
  return {{"file", output.file}, {"sha256", output.sha256}, {"bytes", output.bytes}};
}

json pairs_json(const PairCounts& pairs) {
  return {{"train", pairs.train}, {"validation", pairs.validation}, {"prompts_differ", pairs.prompts_differ}};
}

// ---- parts that may be absent

template <class Part>
void add(json& out, const char* name, const std::optional<Part>& part, json (*to_json)(const Part&)) {
  if (part) out[name] = to_json(*part);
}

template <class Item>
void add(json& out, const char* name, const std::vector<Item>& items, json (*to_json)(const Item&)) {
  if (!items.empty()) out[name] = list(items, to_json);
}

}  // namespace

json to_json(const GateReport& report) {
  json out{{"armorm_version", report.armorm_version},
           {"model", report.model},
           {"options", report.options},
           {"attributes", report.attributes},
           {"logit_scale", json_number(report.logit_scale)},
           {"length_bias", list(report.length_bias, length_bias_json)}};
  if (report.debiasing) add_debiasing(out, *report.debiasing);
  if (report.training) add_training(out, *report.training);
  add(out, "pairs", report.pairs, pairs_json);
  add(out, "validation", report.validation, scorer_json);
  add(out, "gate_usage", report.gate_usage, usage_json);
  add(out, "by_source", report.by_source, set_by_source_json);
  add(out, "gate_by_kind", report.gate_by_kind, kinds_json);
  add(out, "reward_bench", report.reward_bench, reward_bench_json);
  add(out, "reward_bench_2", report.reward_bench_2, reward_bench_2_json);
  add(out, "eval", report.eval, evaluated_set_json);
  add(out, "examples", report.examples, examples_json);
  add(out, "sources", report.sources, source_json);
  add(out, "outputs", report.outputs, output_json);
  return out;
}

}  // namespace armorm::report
