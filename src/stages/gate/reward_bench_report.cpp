#include "stages/gate/reward_bench_report.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/log.h"
#include "report/json_values.h"
#include "report/text_table.h"

namespace armorm {
namespace {

using nlohmann::json;

void warn_about(const RewardBenchResult& result) {
  for (const SectionResult& section : result.sections)
    if (!section.missing.empty())
      log::warn("RewardBench {}: no rows of {}; left out of the section", section.name,
                fmt::join(section.missing, ", "));
  if (!result.unknown.empty())
    log::warn("RewardBench: subsets {} are not of version 1 and count in no section",
              fmt::join(result.unknown, ", "));
}

// "93.91 (89.2 - 96.7)", and " p 0.012" behind it where there is a test.
std::string cell(double percent, const Proportion& interval, double p_value) {
  if (std::isnan(percent)) return "-";
  std::string text = fmt::format("{:.2f} ({:.1f} - {:.1f})", percent, interval.low, interval.high);
  if (!std::isnan(p_value)) text += fmt::format(" p {:<7.2g}", p_value);
  return text;
}

json subsets_json(const RewardBenchResult& result, const RewardBenchTests* tests) {
  json out = json::array();
  for (std::size_t i = 0; i < result.subsets.size(); ++i) {
    const SubsetResult& s = result.subsets[i];
    if (s.n == 0) continue;
    const Proportion interval = wilson_interval(s.correct, s.n);
    json entry{
        {"name", s.name}, {"n", s.n}, {"correct", s.correct}, {"low", interval.low}, {"high", interval.high}};
    if (tests != nullptr) entry["p_value"] = tests->subsets[i].p_value;
    out.push_back(std::move(entry));
  }
  return out;
}

json sections_json(const RewardBenchResult& result, const RewardBenchTests* tests) {
  json out = json::array();
  for (std::size_t i = 0; i < result.sections.size(); ++i) {
    const SectionResult& s = result.sections[i];
    json entry{{"name", s.name},
               {"score", json_number(s.score)},
               {"low", json_number(s.interval.low)},
               {"high", json_number(s.interval.high)},
               {"n", s.n},
               {"missing", s.missing}};
    if (tests != nullptr) entry["p_value"] = json_number(tests->sections[i]);
    out.push_back(std::move(entry));
  }
  return out;
}

// One line of the table: what of each result, and its p-value.
class Rows {
 public:
  explicit Rows(const RewardBenchReport& report) : report_(report), table_(header(report)) {}

  template <class Percent, class Interval, class PValue>
  void add(std::string title, std::string n, const Percent& percent, const Interval& interval,
           const PValue& p_value) {
    std::vector<std::string> row{std::move(title), std::move(n)};
    for (std::size_t i = 0; i < report_.results.size(); ++i) {
      const RewardBenchResult& result = report_.results[i];
      row.push_back(
          cell(percent(result), interval(result), i == 0 ? kNoTest : p_value(report_.against_gate[i])));
    }
    table_.add(std::move(row));
  }
  std::string str() const { return table_.str(); }

 private:
  static constexpr double kNoTest = std::numeric_limits<double>::quiet_NaN();
  static std::vector<std::string> header(const RewardBenchReport& report) {
    std::vector<std::string> names{"RewardBench", "n"};
    for (const Contender& contender : report.contenders) names.push_back(contender.name);
    return names;
  }
  const RewardBenchReport& report_;
  TextTable table_;
};

}  // namespace

RewardBenchReport evaluate_reward_bench(std::vector<Contender> contenders, const PairRewards& pairs,
                                        const std::string& dataset) {
  if (pairs.subset_of().empty())
    fail_data(
        "RewardBench: the embeddings of {} carry no subsets; prepare the set again from rows that have a "
        "`subset` column",
        dataset);
  RewardBenchReport report{std::move(contenders), {}, {}};
  const PairScores& gate = report.contenders.front().scores;
  for (const Contender& c : report.contenders) {
    report.results.push_back(
        score_reward_bench(c.scores.chosen, c.scores.rejected, pairs.subset_of(), pairs.subset_names()));
    report.against_gate.push_back(
        compare_on_reward_bench(gate, c.scores, pairs.subset_of(), pairs.subset_names()));
  }
  warn_about(report.results.front());
  return report;
}

std::string reward_bench_table(const RewardBenchReport& report) {
  const RewardBenchResult& gate = report.results.front();
  Rows rows(report);
  for (std::size_t s = 0; s < gate.subsets.size(); ++s) {
    if (gate.subsets[s].n == 0) continue;
    rows.add(
        gate.subsets[s].name, std::to_string(gate.subsets[s].n),
        [s](const RewardBenchResult& r) { return 100.0 * r.subsets[s].accuracy(); },
        [s](const RewardBenchResult& r) {
          const Proportion share = wilson_interval(r.subsets[s].correct, r.subsets[s].n);
          return Proportion{100.0 * share.low, 100.0 * share.high};
        },
        [s](const RewardBenchTests& t) { return t.subsets[s].p_value; });
  }
  for (std::size_t s = 0; s < gate.sections.size(); ++s)
    rows.add(
        "= " + gate.sections[s].name, std::to_string(gate.sections[s].n),
        [s](const RewardBenchResult& r) { return r.sections[s].score; },
        [s](const RewardBenchResult& r) { return r.sections[s].interval; },
        [s](const RewardBenchTests& t) { return t.sections[s]; });
  rows.add(
      "= Score", "", [](const RewardBenchResult& r) { return r.score; },
      [](const RewardBenchResult& r) { return r.interval; },
      [](const RewardBenchTests& t) { return t.score; });
  return rows.str();
}

json reward_bench_json(const RewardBenchReport& report) {
  json out = json::array();
  for (std::size_t i = 0; i < report.results.size(); ++i) {
    const RewardBenchResult& result = report.results[i];
    const RewardBenchTests* tests = i == 0 ? nullptr : &report.against_gate[i];
    json entry{{"name", report.contenders[i].name},        {"subsets", subsets_json(result, tests)},
               {"sections", sections_json(result, tests)}, {"score", json_number(result.score)},
               {"low", json_number(result.interval.low)},  {"high", json_number(result.interval.high)}};
    if (tests != nullptr) entry["p_value"] = json_number(tests->score);
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace armorm
