#include "report/gate_text.h"

#include <fmt/core.h>

#include <cmath>

#include "report/text_table.h"

namespace armorm::report {
namespace {

std::string percent(double share) { return fmt::format("{:.2f} %", 100.0 * share); }

std::string fixed(double value) { return std::isnan(value) ? "-" : fmt::format("{:.4f}", value); }

std::string with_sign(double value, int digits) {
  return std::isnan(value) ? "-" : fmt::format("{:+.{}f}", value, digits);
}

stats::Interval in_percent(const stats::Interval& shares) {
  return {100.0 * shares.low, 100.0 * shares.high};
}

std::string range(const stats::Interval& interval) {
  return fmt::format("{:.1f} - {:.1f}", interval.low, interval.high);
}

std::string length_case_text(const LengthCase& group) {
  if (group.n == 0) return "-";
  return fmt::format("{} ({})", percent(group.accuracy), range(in_percent(group.interval)));
}

// "93.91 (89.2 - 96.7)", followed by " p 0.012" if there is a test.
std::string score_text(double score, const stats::Interval& interval, double p_value = stats::kNotMeasured) {
  if (std::isnan(score)) return "-";
  std::string text = fmt::format("{:.2f} ({})", score, range(interval));
  if (!std::isnan(p_value)) text += fmt::format(" p {:<7.2g}", p_value);
  return text;
}

double accuracy_of(const SubsetAccuracy& subset) {
  return static_cast<double>(subset.correct) / static_cast<double>(subset.n);
}

// A table with one column per scorer of a benchmark.
class BenchmarkTable {
 public:
  BenchmarkTable(const std::string& title, const Benchmark& bench)
      : bench_(bench), table_(header(title, bench)) {}

  void add(std::string name, std::string n, const auto& cell_of) {
    std::vector<std::string> row{std::move(name), std::move(n)};
    for (const BenchmarkScorer& scorer : bench_.scorers) row.push_back(cell_of(scorer));
    table_.add(row);
  }
  void add_section(std::size_t i, const std::string& name) {
    add(name, std::to_string(bench_.scorers.front().sections[i].n), [i](const BenchmarkScorer& scorer) {
      const SectionScore& section = scorer.sections[i];
      return score_text(section.score, section.interval, section.p_value);
    });
  }
  void add_score() {
    add("= Score", "", [](const BenchmarkScorer& scorer) {
      return score_text(scorer.score, scorer.interval, scorer.p_value);
    });
  }
  std::string str() const { return table_.str(); }

 private:
  static std::vector<std::string> header(const std::string& title, const Benchmark& bench) {
    std::vector<std::string> names{title, "n"};
    for (const BenchmarkScorer& scorer : bench.scorers) names.push_back(scorer.name);
    return names;
  }
  const Benchmark& bench_;
  TextTable table_;
};

}  // namespace

std::string debiasing_text(const Debiasing& debiasing) {
  const char* with = debiasing.length_target ? " length" : "";
  TextTable table(
      {"attribute", "penalty", fmt::format("corr{} before", with), fmt::format("corr{} after", with)});
  for (const PenaltyFigures& a : debiasing.attributes)
    table.add({a.name, fmt::format("{:g}{}", a.penalty, a.met ? "" : " (unmet)"), fixed(a.correlation_before),
               fixed(a.correlation_after)});
  return table.str();
}

std::string seeds_text(const TrainingFigures& training) {
  if (training.runs.size() < 2) return "";
  TextTable table({"seed", "step", "accuracy", "loss"});
  const auto add = [&table](std::string name, std::string step, double accuracy, double loss) {
    table.add({std::move(name), std::move(step), percent(accuracy), fmt::format("{:.4f}", loss)});
  };
  for (const TrainingRun& run : training.runs)
    add(fmt::format("{}{}", run.seed, &run == &training.kept_run() ? " (kept)" : ""),
        std::to_string(run.kept_step), run.accuracy, run.loss);
  add("mean", "", training.accuracy.mean, training.loss.mean);
  add("standard deviation", "", training.accuracy.deviation, training.loss.deviation);
  return table.str();
}

std::string usage_text(const UsageFigures& usage) {
  TextTable table({fmt::format("gate's weight ({} prompts)", usage.n), "mean", "is the largest"});
  for (const AttributeUsage& a : usage.attributes)
    table.add({a.name, percent(a.mean_weight), percent(a.top_share)});
  return table.str() + fmt::format("entropy {:.3f} of at most {:.3f} nats; the prompt decides {:.4f} nats\n",
                                   usage.mean_entropy, std::log(static_cast<double>(usage.attributes.size())),
                                   usage.information);
}

std::string comparison_text(const std::string& title, const std::vector<ScorerFigures>& scorers,
                            std::int64_t n) {
  TextTable table(
      {fmt::format("{} ({} pairs)", title, n), "accuracy", "95 % interval", "loss", "p against gate"});
  for (const ScorerFigures& s : scorers)
    table.add({s.name, percent(s.accuracy), range(in_percent(s.interval)), fmt::format("{:.4f}", s.loss),
               s.against_gate ? fmt::format("{:.2g}", s.against_gate->p_value) : ""});
  return table.str();
}

std::string reward_bench_text(const Benchmark& bench) {
  const BenchmarkScorer& gate = bench.scorers.front();
  BenchmarkTable table("RewardBench", bench);
  for (std::size_t i = 0; i < gate.subsets.size(); ++i)
    table.add(gate.subsets[i].name, std::to_string(gate.subsets[i].n), [i](const BenchmarkScorer& scorer) {
      const SubsetAccuracy& subset = scorer.subsets[i];
      return score_text(100.0 * accuracy_of(subset), in_percent(subset.interval), subset.p_value);
    });
  for (std::size_t i = 0; i < gate.sections.size(); ++i) table.add_section(i, "= " + gate.sections[i].name);
  table.add_score();
  return table.str();
}

std::string reward_bench_2_text(const Benchmark& bench) {
  const std::vector<SectionScore>& sections = bench.scorers.front().sections;
  BenchmarkTable table("RewardBench 2", bench);
  for (std::size_t i = 0; i < sections.size(); ++i) table.add_section(i, sections[i].name);
  table.add_score();
  return table.str();
}

std::string length_bias_text(const std::vector<LengthBiasFigures>& scorers) {
  if (scorers.empty()) return "";
  const LengthBiasFigures& counts = scorers.front();
  TextTable table({fmt::format("length bias, {}", counts.set),
                   fmt::format("chosen longer ({})", counts.chosen_longer.n),
                   fmt::format("chosen shorter ({})", counts.chosen_shorter.n),
                   fmt::format("equal ({})", counts.equal.n), "gap", "margin ~ length"});
  for (const LengthBiasFigures& s : scorers)
    table.add({s.name, length_case_text(s.chosen_longer), length_case_text(s.chosen_shorter),
               length_case_text(s.equal), with_sign(100.0 * s.gap, 1), with_sign(s.margin_correlation, 3)});
  return table.str();
}

}  // namespace armorm::report
