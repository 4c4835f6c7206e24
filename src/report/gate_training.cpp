// Curves of the training: of one seed, or of several with their mean and spread.

#include <fmt/core.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "report/gate_parts.h"
#include "report/html_chart.h"
#include "report/html_page.h"
#include "report/report_json.h"

namespace armorm {
namespace {

using html::Point;
using nlohmann::json;

// A column of a curve: "train" or "validation", and a key of its entries.
struct Quantity {
  const char* curve;
  const char* key;
  double factor = 1.0;
};
constexpr Quantity kTrainLoss{"train", "loss"};
constexpr Quantity kValidationLoss{"validation", "loss"};
constexpr Quantity kAccuracy{"validation", "accuracy", 100.0};
constexpr Quantity kLogitScale{"train", "logit_scale"};
constexpr Quantity kLearningRate{"train", "learning_rate"};

std::vector<Point> points_of(const json& training, const Quantity& q) {
  std::vector<Point> points;
  for (const json& entry : report::member(training, q.curve))
    points.push_back({report::number(entry, "step"), q.factor * report::number(entry, q.key)});
  return points;
}

double value_at(const std::vector<Point>& points, double step) {
  for (const Point& p : points)
    if (p.x == step) return p.y;
  return NAN;
}

struct MeanCurve {
  std::vector<Point> mean;
  html::Band band;  // a standard deviation (n - 1) to both sides
};

// By step, over the seeds that got so far.
MeanCurve mean_curve(const std::vector<const json*>& trainings, const Quantity& q, int colour) {
  std::map<double, std::vector<double>> values;
  for (const json* training : trainings)
    for (const Point& p : points_of(*training, q))
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
  explicit Curves(const json& report) : kept_(report::member(report, "training")) {
    for (const json& run : report::member(report::member(report, "seeds"), "runs"))
      if (report::member(run, "training").is_object()) runs_.push_back(&report::member(run, "training"));
  }
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
      for (const json* run : runs_)
        chart.series.push_back({"", points_of(*run, line.quantity), colour, true});
      MeanCurve mean = mean_curve(runs_, line.quantity, colour);
      chart.bands.push_back(std::move(mean.band));
      chart.series.push_back({fmt::format("{}, mean of {} seeds", line.name, runs_.size()),
                              std::move(mean.mean), colour, false});
    } else {
      chart.series.push_back({line.name, kept, colour, false});
    }
    const double step = report::number(kept_, "kept_step");
    if (const double value = value_at(kept, step); std::isfinite(value))
      chart.marked.push_back({step, value});
  }
  const json& kept_;
  std::vector<const json*> runs_;
};

std::string curve_table(const json& training) {
  const auto train = points_of(training, kTrainLoss), validation = points_of(training, kValidationLoss),
             accuracy = points_of(training, kAccuracy), scale = points_of(training, kLogitScale),
             rate = points_of(training, kLearningRate);
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

std::string seeds_table(const json& seeds) {
  const json& runs = report::member(seeds, "runs");
  if (!runs.is_array() || runs.size() < 2) return "";
  html::Table table("seeds", fmt::format("{} trainings that differ in their seed alone", runs.size()),
                    {"seed", "kept step", "accuracy, %", "", "loss", {"", true}});
  for (const json& run : runs) {
    const double accuracy = report::number(run, "accuracy");
    table.add({report::text(run, "seed"), report::text(run, "step"), html::number(100 * accuracy, 2),
               html::track_cell({0, 1, NAN, NAN, accuracy, 0.5}),
               html::number(report::number(run, "loss"), 4),
               html::text_cell(report::member(run, "seed") == report::member(seeds, "kept") ? "kept" : "")});
  }
  const json& accuracy = report::member(seeds, "accuracy");
  const json& loss = report::member(seeds, "loss");
  for (const auto& [name, key] : {std::pair("mean", "mean"), std::pair("standard deviation", "deviation")})
    table.total({name, "", html::number(100 * report::number(accuracy, key), 2), "",
                 html::number(report::number(loss, key), 4), ""});
  return table.str();
}

}  // namespace

std::string training_part(const json& report) {
  const Curves curves(report);
  std::string plots =
      curves.figure("Loss", "loss", {{"training", kTrainLoss}, {"validation", kValidationLoss}}) +
      curves.figure("Accuracy on the validation pairs", "per cent", {{"validation", kAccuracy}}) +
      curves.figure("Logit scale", "scale of the weights", {{"logit scale", kLogitScale}});
  const std::string seeds = seeds_table(report::member(report, "seeds"));
  if (plots.empty() && seeds.empty()) return "";
  if (!plots.empty()) plots = "<div class=\"plots\">\n" + plots + "</div>\n";
  const json& training = report::member(report, "training");
  std::string words = "A large dot marks the gate that was kept.";
  if (curves.several())
    words +=
        " Thin lines are single seeds, the shaded band is one standard deviation to both sides of their "
        "mean.";
  if (report::member(training, "stopped_early") == true)
    words += " Training stopped early: no look brought a better gate.";
  return html::paragraph(words) + plots + curve_table(training) + seeds;
}

}  // namespace armorm
