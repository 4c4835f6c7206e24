#include "support/gate_report_example.h"

#include <cmath>
#include <string>

namespace armorm::test {
namespace {

class Maker {
 public:
  explicit Maker(const ReportShape& shape) : shape_(shape) {}

  report::GateReport report() {
    report::GateReport out;
    out.armorm_version = "0.0";
    out.model = name("model", 0);
    out.options = {{"compat", shape_.upstream ? "upstream" : "none"},
                   {"corr_threshold", "0.03"},
                   {"preference_dataset", name("/data/pairs", 1)}};
    out.upstream = shape_.upstream;
    out.attributes = names("attribute", shape_.attributes);
    out.logit_scale = 9.5;
    out.debiasing = debiasing();
    out.pairs = {800, 200, 3};
    out.training = training();
    out.validation = scorers();
    out.gate_usage = usage();
    out.gate_by_kind = {kinds("validation"), kinds(name("set", 5))};
    out.reward_bench = reward_bench();
    out.reward_bench_2 = reward_bench_2();
    out.eval = {{name("further", 2), 50, scorers()}};
    out.length_bias = {length_bias(0), length_bias(1)};
    out.by_source = {by_source("validation"), by_source(name("further", 2))};
    out.examples = {{"validation", {example(0), example(1), example(2)}}};
    out.sources = {
        {"preference",
         {{"files", std::vector<std::string>{name("pairs", 3)}}, {"template_sha256", std::string(64, 'a')}}}};
    out.outputs = {{"gate.pt", std::string(64, 'b'), 123}};
    return out;
  }

 private:
  // A number between -1 and 1, different with each call.
  double value() {
    ++calls_;
    return shape_.unmeasured && calls_ % 3 == 0 ? stats::kNotMeasured
                                                : std::sin(static_cast<double>(calls_) * 12.9898);
  }
  double share() { return std::abs(value()); }
  stats::Interval interval() { return {share(), share()}; }
  std::string name(const std::string& what, std::size_t i) const {
    const std::string plain = what + "-" + std::to_string(i);
    if (!shape_.awkward_names) return plain;
    return i % 2 == 0 ? plain + " <b>&\"'</b> </script><script>alert(1)</script>"
                      : plain + std::string(90, 'x') + " y" + std::string(60, 'z');
  }
  std::vector<std::string> names(const std::string& what, std::size_t n) const {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < n; ++i) out.push_back(name(what, i));
    return out;
  }
  std::string scorer(std::size_t i) const { return i == 0 ? "gate" : name("scorer", i); }
  std::vector<double> list() {
    std::vector<double> out;
    for (std::size_t k = 0; k < shape_.attributes; ++k) out.push_back(value());
    return out;
  }
  report::Debiasing debiasing() {
    report::Debiasing out;
    for (std::size_t k = 0; k < shape_.attributes; ++k)
      out.attributes.push_back({name("attribute", k), share(), value(), value(), k != 1});
    out.threshold = 0.03;
    for (std::size_t i = 0; i < shape_.attributes * shape_.attributes; ++i)
      out.transform.push_back(i % (shape_.attributes + 1) == 0 ? 1.0F : static_cast<float>(value()));
    out.transform_applied = !shape_.upstream;
    return out;
  }
  report::TrainingRun run(std::int64_t seed) {
    report::TrainingRun out{seed, 300, share(), value(), {}, {}, true};
    for (int step = 20; step <= 300; step += 20) {
      out.train.push_back({step, share(), 1e-3 * (300 - step) / 300, 9 + step / 600.0});
      if (step % 100 == 0) out.validation.push_back({step, share(), share()});
    }
    return out;
  }
  report::TrainingFigures training() {
    report::TrainingFigures out{{}, 0, {share(), value()}, {value(), value()}};
    for (std::size_t s = 0; s < shape_.seeds; ++s) out.runs.push_back(run(7 + static_cast<std::int64_t>(s)));
    return out;
  }
  std::vector<report::ScorerFigures> scorers() {
    std::vector<report::ScorerFigures> out;
    for (std::size_t s = 0; s < 4; ++s) {
      out.push_back({scorer(s), share(), interval(), share(), {}});
      if (s > 0) out.back().against_gate = {10, 5, 2, 3, share()};
    }
    return out;
  }
  report::UsageFigures usage() {
    report::UsageFigures out{200, {}, share(), share(), share(), {name("a warning", 0)}};
    for (std::size_t k = 0; k < shape_.attributes; ++k)
      out.attributes.push_back({name("attribute", k), share(), share()});
    return out;
  }
  report::WeightsByKind kinds(const std::string& set) {
    report::WeightsByKind out{set, "subset", {}};
    for (std::size_t i = 0; i < shape_.kinds; ++i)
      out.kinds.push_back({name("kind", i), 10 + static_cast<std::int64_t>(i), list()});
    return out;
  }
  report::BenchmarkScorer reward_bench_scorer(std::size_t s) {
    report::BenchmarkScorer out;
    out.name = scorer(s);
    for (std::size_t i = 0; i < shape_.kinds; ++i)
      out.subsets.push_back({name("kind", i), 30, static_cast<std::int64_t>(10 + i + s), interval()});
    for (const char* section : {"Chat", "Chat Hard", "Safety", "Reasoning"})
      out.sections.push_back({.name = section,
                              .n = 90,
                              .score = 40.0 + 10.0 * static_cast<double>(s),
                              .missing = {name("kind", 9)}});
    return out;
  }
  report::Benchmark reward_bench() {
    return {"reward-bench", {reward_bench_scorer(0), reward_bench_scorer(1), reward_bench_scorer(2)}};
  }
  report::BenchmarkScorer reward_bench_2_scorer(std::size_t s) const {
    report::BenchmarkScorer out;
    out.name = scorer(s);
    out.score = 61.25 + static_cast<double>(s);
    out.sections = {{.name = "Factuality", .n = 475, .score = 60.5, .interval = {56.0, 64.75}},
                    {.name = "Ties", .n = 102}};
    return out;
  }
  report::Benchmark reward_bench_2() const {
    return {"reward-bench-2", {reward_bench_2_scorer(0), reward_bench_2_scorer(1)}};
  }
  report::LengthBiasFigures length_bias(std::size_t s) {
    const auto group = [&] { return report::LengthCase{40, 30, share(), interval()}; };
    return {"validation", name("scorer", s), group(), group(), {}, value(), value()};
  }
  report::SetBySource by_source(const std::string& set) {
    report::SetBySource out{set, {}};
    for (std::size_t i = 0; i < shape_.kinds; ++i) {
      report::SourceFigures source{name("source", i), 40, {}};
      for (std::size_t s = 0; s < 4; ++s)
        source.scorers.push_back({scorer(s), "", 30, interval(), share(), length_bias(s)});
      out.sources.push_back(source);
    }
    return out;
  }
  report::BothSides<std::vector<double>> lists() { return {list(), list()}; }
  report::ExamplePair example(int i) {
    report::ExamplePair out;
    out.why = i == 0 ? "surest and right" : "closest";
    out.position = i;
    if (i != 1) out.row_id = 100 + i;
    if (i == 2) out.subset = name("kind", 0);
    out.prompts_differ = i == 2;
    out.margin = value();
    out.score = {value(), value()};
    out.gate = lists();
    out.reward = lists();
    out.debiased = lists();
    out.contribution = lists();
    return out;
  }
  ReportShape shape_;
  int calls_ = 0;
};

}  // namespace

report::GateReport gate_report_example(const ReportShape& shape) { return Maker(shape).report(); }

}  // namespace armorm::test
