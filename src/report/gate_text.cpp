#include "report/gate_text.h"

#include <fmt/core.h>

#include <cmath>

#include "core/display_width.h"
#include "report/text_table.h"

namespace armorm::report {
namespace {

constexpr std::size_t kBarColumns = 20;
constexpr double kNotable = 0.05;  // p-values below have a mark

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

// "83.7 (77-89)", in percent: the report has more digits.
std::string coarse(double share, const stats::Interval& shares) {
  if (std::isnan(share)) return "-";
  return fmt::format("{:.1f} ({:.0f}-{:.0f})", 100.0 * share, 100.0 * shares.low, 100.0 * shares.high);
}

// Whether a scorer's figure differs from the gate's beyond chance. A column with such marks stays aligned.
std::string mark(double p_value) {
  if (std::isnan(p_value)) return "";
  return p_value < kNotable ? "*" : " ";
}

std::string score_text(double score, const stats::Interval& interval, double p_value) {
  if (std::isnan(score)) return "-" + mark(p_value);
  return fmt::format("{:.1f} ({:.1f}-{:.1f}){}", score, interval.low, interval.high, mark(p_value));
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
  void add_subset(std::size_t i) {
    const SubsetAccuracy& first = bench_.scorers.front().subsets[i];
    add(first.name, std::to_string(first.n), [i](const BenchmarkScorer& scorer) {
      const SubsetAccuracy& subset = scorer.subsets[i];
      return coarse(accuracy_of(subset), subset.interval) + mark(subset.p_value);
    });
  }
  void add_sections() {
    const std::vector<SectionScore>& sections = bench_.scorers.front().sections;
    for (std::size_t i = 0; i < sections.size(); ++i)
      add(sections[i].name, std::to_string(sections[i].n), [i](const BenchmarkScorer& scorer) {
        const SectionScore& section = scorer.sections[i];
        return score_text(section.score, section.interval, section.p_value);
      });
  }
  void add_score() {
    add("Score", "", [](const BenchmarkScorer& scorer) {
      return score_text(scorer.score, scorer.interval, scorer.p_value);
    });
  }
  std::string str(const TextStyle& style) const { return table_.str(style); }

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

std::string debiasing_text(const Debiasing& debiasing, const TextStyle& style) {
  const char* with = debiasing.length_target ? " length" : "";
  TextTable table(
      {"attribute", "penalty", fmt::format("corr{} before", with), fmt::format("corr{} after", with)});
  for (const PenaltyFigures& a : debiasing.attributes)
    table.add({a.name, fmt::format("{:g}{}", a.penalty, a.met ? "" : " (unmet)"), fixed(a.correlation_before),
               fixed(a.correlation_after)});
  return table.str(style);
}

std::string seeds_text(const TrainingFigures& training, const TextStyle& style) {
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
  return table.str(style);
}

std::string usage_text(const UsageFigures& usage, const TextStyle& style) {
  double largest = 0.0;
  for (const AttributeUsage& a : usage.attributes) largest = std::fmax(largest, a.mean_weight);
  TextTable table({fmt::format("gate's weight ({} prompts)", usage.n), "mean", "is the largest", ""});
  table.text_column(3);
  for (const AttributeUsage& a : usage.attributes)
    table.add({a.name, percent(a.mean_weight), percent(a.top_share),
               bar(a.mean_weight / largest, kBarColumns, style)});
  const std::string entropy =
      fmt::format("entropy {:.3f} of at most {:.3f} nats; the prompt decides {:.4f} nats", usage.mean_entropy,
                  std::log(static_cast<double>(usage.attributes.size())), usage.information);
  return table.str(style) + wrapped_words(entropy, style.columns, 2) + "\n";
}

std::string comparison_text(const std::string& title, const std::vector<ScorerFigures>& scorers,
                            std::int64_t n, const TextStyle& style) {
  TextTable table(
      {fmt::format("{} ({} pairs)", title, n), "accuracy", "95 % interval", "loss", "p against gate"});
  for (const ScorerFigures& s : scorers)
    table.add({s.name, percent(s.accuracy), range(in_percent(s.interval)), fmt::format("{:.4f}", s.loss),
               s.against_gate ? fmt::format("{:.2g}", s.against_gate->p_value) : ""});
  return table.str(style);
}

std::string reward_bench_text(const Benchmark& bench, const TextStyle& style) {
  BenchmarkTable subsets("RewardBench, subset", bench), sections("RewardBench, section", bench);
  for (std::size_t i = 0; i < bench.scorers.front().subsets.size(); ++i) subsets.add_subset(i);
  sections.add_sections();
  sections.add_score();
  return subsets.str(style) + "\n" + sections.str(style) +
         wrapped_words(
             bench.scorers.size() == 1
                 ? "in percent, with 95 % intervals"
                 : fmt::format("in percent, with 95 % intervals; * = differs from the gate with p < {}",
                               kNotable),
             style.columns, 0) +
         "\n";
}

std::string reward_bench_2_text(const Benchmark& bench, const TextStyle& style) {
  BenchmarkTable table("RewardBench 2", bench);
  table.add_sections();
  table.add_score();
  return table.str(style);
}

std::string length_bias_text(const std::vector<LengthBiasFigures>& scorers, const TextStyle& style) {
  if (scorers.empty()) return "";
  const LengthBiasFigures& counts = scorers.front();
  TextTable table({fmt::format("length bias, {} (%)", counts.set),
                   fmt::format("chosen longer ({})", counts.chosen_longer.n),
                   fmt::format("chosen shorter ({})", counts.chosen_shorter.n),
                   fmt::format("equal ({})", counts.equal.n), "gap", "margin ~ length"});
  const auto cell = [](const LengthCase& group) {
    return coarse(group.n > 0 ? group.accuracy : stats::kNotMeasured, group.interval);
  };
  for (const LengthBiasFigures& s : scorers)
    table.add({s.name, cell(s.chosen_longer), cell(s.chosen_shorter), cell(s.equal),
               with_sign(100.0 * s.gap, 1), with_sign(s.margin_correlation, 3)});
  return table.str(style);
}

}  // namespace armorm::report
