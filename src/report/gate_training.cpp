// Training curves: of one seed, or of several with their mean and spread.

#include <fmt/core.h>

#include <cmath>
#include <map>
#include <set>

#include "report/gate_parts.h"
#include "report/html_chart.h"
#include "report/html_page.h"

namespace armorm::report {
namespace {

using html::Point;

// One figure of the steps of a curve, on the training pairs or the validation pairs.
struct Quantity {
  double TrainingStep::*train = nullptr;
  double ValidationStep::*validation = nullptr;
  double factor = 1.0;
};
constexpr Quantity kTrainLoss{&TrainingStep::loss};
constexpr Quantity kValidationLoss{nullptr, &ValidationStep::loss};
constexpr Quantity kAccuracy{nullptr, &ValidationStep::accuracy, 100.0};
constexpr Quantity kLogitScale{&TrainingStep::logit_scale};
constexpr Quantity kLearningRate{&TrainingStep::learning_rate};

template <class Step>
std::vector<Point> points_of(const std::vector<Step>& steps, double Step::*figure, double factor) {
  std::vector<Point> points;
  for (const Step& step : steps) points.push_back({static_cast<double>(step.step), factor * step.*figure});
  return points;
}

std::vector<Point> points_of(const TrainingRun& run, const Quantity& q) {
  return q.train != nullptr ? points_of(run.train, q.train, q.factor)
                            : points_of(run.validation, q.validation, q.factor);
}

double value_at(const std::vector<Point>& points, double step) {
  for (const Point& p : points)
    if (p.x == step) return p.y;
  return NAN;
}

struct MeanCurve {
  std::vector<Point> mean;
  html::Band band;  // one standard deviation (n - 1) on either side
};

// By step, over the seeds that reached it.
MeanCurve mean_curve(const std::vector<TrainingRun>& runs, const Quantity& q, int colour) {
  std::map<double, std::vector<double>> values;
  for (const TrainingRun& run : runs)
    for (const Point& p : points_of(run, q))
      if (std::isfinite(p.y)) values[p.x].push_back(p.y);
  MeanCurve out;
  out.band.colour = colour;
  for (const auto& [step, seen] : values) {
    const auto n = static_cast<double>(seen.size());
    double mean = 0.0, square = 0.0;
    for (const double v : seen) mean += v / n;
    for (const double v : seen) square += (v - mean) * (v - mean);
    const double deviation = n > 1 ? std::sqrt(square / (n - 1)) : 0.0;
    out.mean.push_back({step, mean});
    out.band.low.push_back({step, mean - deviation});
    out.band.high.push_back({step, mean + deviation});
  }
  return out;
}

struct Line {
  std::string name;
  Quantity quantity;
};

class Curves {
 public:
  explicit Curves(const TrainingFigures& training) : kept_(training.kept_run()), runs_(training.runs) {}
  bool several() const { return runs_.size() > 1; }

  std::string figure(const std::string& title, const std::string& y, const std::vector<Line>& lines) const {
    html::Chart chart{title, "step", y, {}, {}, {}, false};
    for (std::size_t i = 0; i < lines.size(); ++i) add(lines[i], static_cast<int>(i), chart);
    const std::string drawn = html::line_chart(chart);
    if (drawn.empty()) return "";
    return fmt::format("<figure><figcaption>{}</figcaption>\n{}{}</figure>\n", html::escaped(title), drawn,
                       html::legend(chart));
  }

 private:
  void add(const Line& line, int colour, html::Chart& chart) const {
    const std::vector<Point> kept = points_of(kept_, line.quantity);
    if (several()) {
      for (const TrainingRun& run : runs_)
        chart.series.push_back({"", points_of(run, line.quantity), colour, true});
      MeanCurve mean = mean_curve(runs_, line.quantity, colour);
      chart.bands.push_back(std::move(mean.band));
      chart.series.push_back({fmt::format("{}, mean of {} seeds", line.name, runs_.size()),
                              std::move(mean.mean), colour, false});
    } else {
      chart.series.push_back({line.name, kept, colour, false});
    }
    const auto step = static_cast<double>(kept_.kept_step);
    if (const double value = value_at(kept, step); std::isfinite(value))
      chart.marked.push_back({step, value});
  }
  const TrainingRun& kept_;
  const std::vector<TrainingRun>& runs_;
};

std::string curve_table(const TrainingRun& run) {
  const auto train = points_of(run, kTrainLoss), validation = points_of(run, kValidationLoss),
             accuracy = points_of(run, kAccuracy), scale = points_of(run, kLogitScale),
             rate = points_of(run, kLearningRate);
  std::set<double> steps;
  for (const auto* points : {&train, &validation})
    for (const Point& p : *points)
      if (std::isfinite(p.x)) steps.insert(p.x);
  html::Table table(
      "curve", "Figures of the curves, of the kept seed",
      {"step", "training loss", "validation loss", "accuracy, %", "learning rate", "logit scale"});
  for (const double step : steps) {
    const double r = value_at(rate, step);
    table.add({fmt::format("{:.0f}", step), html::number(value_at(train, step), 4),
               html::number(value_at(validation, step), 4), html::number(value_at(accuracy, step), 2),
               std::isfinite(r) ? fmt::format("{:.3g}", r) : "–", html::number(value_at(scale, step), 3)});
  }
  return table.empty() ? "" : html::details("Figures of the curves", table.str());
}

std::string seeds_table(const TrainingFigures& training) {
  if (training.runs.size() < 2) return "";
  html::Table table("seeds",
                    fmt::format("{} trainings that differ in their seed alone", training.runs.size()),
                    {"seed", "kept step", "accuracy, %", "", "loss", {"", true}});
  for (const TrainingRun& run : training.runs)
    table.add({std::to_string(run.seed), std::to_string(run.kept_step), html::number(100 * run.accuracy, 2),
               html::track_cell({0, 1, NAN, NAN, run.accuracy, 0.5}), html::number(run.loss, 4),
               html::text_cell(&run == &training.kept_run() ? "kept" : "")});
  const auto total = [&table](const char* name, double accuracy, double loss) {
    table.total({name, "", html::number(100 * accuracy, 2), "", html::number(loss, 4), ""});
  };
  total("mean", training.accuracy.mean, training.loss.mean);
  total("standard deviation", training.accuracy.deviation, training.loss.deviation);
  return table.str();
}

}  // namespace

std::string training_part(const GateReport& report) {
  if (!report.training) return "";
  const TrainingFigures& training = *report.training;
  const Curves curves(training);
  std::string plots =
      curves.figure("Loss", "loss", {{"training", kTrainLoss}, {"validation", kValidationLoss}}) +
      curves.figure("Accuracy on the validation pairs", "per cent", {{"validation", kAccuracy}}) +
      curves.figure("Logit scale", "scale of the weights", {{"logit scale", kLogitScale}});
  const std::string seeds = seeds_table(training);
  if (plots.empty() && seeds.empty()) return "";
  if (!plots.empty()) plots = "<div class=\"plots\">\n" + plots + "</div>\n";
  std::string words = "A large dot marks the gate that was kept.";
  if (curves.several())
    words +=
        " Thin lines are single seeds, the shaded band is one standard deviation to both sides of their "
        "mean.";
  if (training.kept_run().stopped_early) words += " Training stopped early: no look brought a better gate.";
  return html::paragraph(words) + plots + curve_table(training.kept_run()) + seeds;
}

}  // namespace armorm::report
