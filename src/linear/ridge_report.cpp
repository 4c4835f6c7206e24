#include "armorm/linear/ridge_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "armorm/core/error.h"

namespace armorm {
namespace {

using nlohmann::ordered_json;

void check_sizes(const RidgeReport& report) {
  const std::size_t k = report.result.attributes.size();
  if (report.attributes.size() != k ||
      (!report.correlations.empty() && report.correlations.size() != k * k)) {
    fail_internal("ridge report: {} names and {} correlations for {} attributes", report.attributes.size(),
                  report.correlations.size(), k);
  }
}

ordered_json number(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

ordered_json interval(const Interval& range) {
  if (!std::isfinite(range.low)) return nullptr;
  return ordered_json::array({range.low, range.high});
}

ordered_json attribute_json(const std::string& name, const AttributeFit& fit) {
  ordered_json bins = ordered_json::array();
  for (const CalibrationBin& bin : fit.calibration) {
    bins.push_back(
        {{"n_rows", bin.n_rows}, {"mean_prediction", bin.mean_prediction}, {"mean_label", bin.mean_label}});
  }
  return {{"name", name},
          {"status", std::string(name_of(fit.status))},
          {"n_train", fit.n_train},
          {"n_validation", fit.n_validation},
          {"best_alpha", number(fit.best_alpha)},
          {"at_grid_edge", fit.at_grid_edge},
          {"loss", fit.loss},
          {"validation_mse", number(fit.validation_mse)},
          {"r_squared", number(fit.r_squared)},
          {"r_squared_interval", interval(fit.r_squared_interval)},
          {"spearman", number(fit.spearman)},
          {"spearman_interval", interval(fit.spearman_interval)},
          {"calibration", bins}};
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string figure(double value) { return std::isfinite(value) ? fmt::format("{:.4f}", value) : "–"; }

std::string with_interval(double value, const Interval& range) {
  if (!std::isfinite(range.low)) return figure(value);
  return fmt::format("{:.4f} <small>[{:.4f}, {:.4f}]</small>", value, range.low, range.high);
}

std::string attribute_row(const std::string& name, const AttributeFit& fit) {
  const std::string note = fit.status == AttributeStatus::fitted
                               ? (fit.at_grid_edge ? "best alpha at the grid's edge" : "")
                               : std::string(name_of(fit.status));
  return fmt::format(
      "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td "
      "class=\"note\">{}</td></tr>\n",
      escaped(name), fit.n_train, fit.n_validation,
      std::isfinite(fit.best_alpha) ? fmt::format("{:g}", fit.best_alpha) : "–", figure(fit.validation_mse),
      with_interval(fit.r_squared, fit.r_squared_interval),
      with_interval(fit.spearman, fit.spearman_interval), note);
}

struct Point {
  double x;
  double y;
};

struct PlotLabels {
  std::string title;  // read aloud, and shown when pointed at
  std::string x;
  std::string y;
};

// The ends of both axes, in the corners under and left of the box, and their names.
std::string axes(Point low, Point high, const PlotLabels& labels) {
  const auto text = [](double x, double y, const char* anchor, const std::string& what) {
    return fmt::format("<text class=\"axis\" x=\"{}\" y=\"{}\" text-anchor=\"{}\">{}</text>", x, y, anchor,
                       escaped(what));
  };
  return text(52, 148, "start", fmt::format("{:.3g}", low.x)) + text(161, 148, "middle", labels.x) +
         text(270, 148, "end", fmt::format("{:.3g}", high.x)) +
         text(46, 134, "end", fmt::format("{:.3g}", low.y)) + text(46, 76, "end", labels.y) +
         text(46, 18, "end", fmt::format("{:.3g}", high.y));
}

// Points in a box of 220 x 120 with the origin below, as an SVG; `diagonal` draws y = x and gives both axes
// one scale.
std::string plot(const std::vector<Point>& points, int marked, bool diagonal, const PlotLabels& labels) {
  constexpr double kLeft = 51.0;
  constexpr double kTop = 14.0;
  constexpr double kWidth = 220.0;
  constexpr double kHeight = 120.0;
  if (points.empty()) return "";
  Point low = points[0];
  Point high = points[0];
  for (const Point& p : points) {
    low = {std::min(low.x, p.x), std::min(low.y, p.y)};
    high = {std::max(high.x, p.x), std::max(high.y, p.y)};
  }
  if (diagonal) {
    low = {std::min(low.x, low.y), std::min(low.x, low.y)};
    high = {std::max(high.x, high.y), std::max(high.x, high.y)};
  }
  const auto scaled = [](double value, double from, double to, double size) {
    return to > from ? (value - from) / (to - from) * size : size / 2.0;
  };
  std::string line;
  std::string dots;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double x = kLeft + scaled(points[i].x, low.x, high.x, kWidth);
    const double y = kTop + kHeight - scaled(points[i].y, low.y, high.y, kHeight);
    line += fmt::format("{:.1f},{:.1f} ", x, y);
    const bool best = static_cast<int>(i) == marked;
    dots += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\"/>", x, y, best ? 4 : 2);
  }
  const std::string reference =
      diagonal ? fmt::format("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" class=\"reference\"/>", kLeft,
                             kTop + kHeight, kLeft + kWidth, kTop)
               : "";
  return fmt::format(
      "<svg width=\"280\" height=\"154\" role=\"img\" aria-label=\"{0}\"><title>{0}</title>{1}{2}<polyline "
      "points=\"{3}\"/>{4}</svg>",
      escaped(labels.title), axes(low, high, labels), reference, line, dots);
}

std::string curves(const std::string& name, const AttributeFit& fit, const std::vector<double>& alphas) {
  if (fit.loss.empty()) return "";
  std::vector<Point> loss;
  for (std::size_t i = 0; i < fit.loss.size(); ++i) loss.push_back({std::log10(alphas[i]), fit.loss[i]});
  std::vector<Point> bins;
  for (const CalibrationBin& bin : fit.calibration) bins.push_back({bin.mean_prediction, bin.mean_label});
  const auto [low, high] = std::minmax_element(fit.loss.begin(), fit.loss.end());
  const std::string losses =
      plot(loss, fit.best_index, false, {name + ": loss against log10 alpha", "log10 alpha", "loss"});
  return fmt::format(
      "<figure><figcaption>{}<br><small>loss {:.4g} to {:.4g}; alpha {:g} to "
      "{:g}</small></figcaption><div>{}{}</div></figure>\n",
      escaped(name), *low, *high, alphas.front(), alphas.back(), losses,
      plot(bins, -1, true, {name + ": mean label against mean prediction", "prediction", "label"}));
}

std::string correlation_table(const RidgeReport& report) {
  if (report.correlations.empty()) return "";
  const std::size_t k = report.attributes.size();
  std::string html = "<h2>Correlations of the labels</h2>\n<div class=\"wide\"><table><tr><th></th>";
  for (std::size_t j = 0; j < k; ++j) html += fmt::format("<th>{}</th>", j + 1);
  html += "</tr>\n";
  for (std::size_t i = 0; i < k; ++i) {
    html += fmt::format("<tr><td>{} {}</td>", i + 1, escaped(report.attributes[i]));
    for (std::size_t j = 0; j < k; ++j) {
      const double value = report.correlations[i * k + j];
      const std::string text = std::isfinite(value) ? fmt::format("{:.2f}", value) : "–";
      const double strength = std::isfinite(value) ? std::abs(value) : 0.0;
      html += fmt::format("<td style=\"background:rgba({},{:.2f})\">{}</td>",
                          value < 0.0 ? "200,80,40" : "40,110,200", 0.6 * strength, text);
    }
    html += "</tr>\n";
  }
  return html + "</table></div>\n";
}

// Colours follow the reader's light or dark setting; on narrow screens tables scroll by themselves.
constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--text:#1c1f23;--page:#fff;--rule:#d5d9de;--quiet:#5b636d;--line:#1f4e87;--box:#fafbfc}
@media(prefers-color-scheme:dark){:root{--text:#e4e7eb;--page:#15181c;--rule:#3a4048;--quiet:#9aa3ad;--line:#7db4f0;--box:#1b1f24}}
body{font:14px/1.4 system-ui,sans-serif;margin:2em;color:var(--text);background:var(--page)}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
td,th{padding:3px 8px;border-bottom:1px solid var(--rule);text-align:right;white-space:nowrap}
td:first-child,th:first-child,td.note{text-align:left}
small,.axis{color:var(--quiet)}
.plots{display:flex;flex-wrap:wrap;gap:1em}
figure{margin:0;max-width:100%}
figure>div{display:flex;flex-wrap:wrap;gap:6px}
svg{border:1px solid var(--rule);background:var(--box)}
.axis{font-size:10px;fill:var(--quiet)}
polyline{fill:none;stroke:var(--line);stroke-width:1.5}
circle{fill:var(--line)}
.reference{stroke:var(--quiet);stroke-dasharray:3 3}
@media(max-width:600px){body{margin:1em}}
)";

}  // namespace

std::string ridge_report_json(const RidgeReport& report) {
  check_sizes(report);
  ordered_json json{
      {"title", report.title}, {"alphas", report.result.alphas}, {"attributes", ordered_json::array()}};
  for (std::size_t k = 0; k < report.attributes.size(); ++k) {
    json["attributes"].push_back(attribute_json(report.attributes[k], report.result.attributes[k]));
  }
  const std::size_t k = report.correlations.empty() ? 0 : report.attributes.size();
  ordered_json rows = ordered_json::array();
  for (std::size_t i = 0; i < k; ++i) {
    ordered_json row = ordered_json::array();
    for (std::size_t j = 0; j < k; ++j) row.push_back(number(report.correlations[i * k + j]));
    rows.push_back(row);
  }
  json["correlations"] = rows;
  return json.dump(1) + "\n";
}

std::string ridge_report_html(const RidgeReport& report) {
  check_sizes(report);
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta "
      "charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>{0}</title><style>{1}</style></head>\n"
      "<body><h1>Ridge regression: {0}</h1>\n<div "
      "class=\"wide\"><table><tr><th>attribute</th><th>train</th><th>validation</th><th>alpha</"
      "th><th>MSE</th>"
      "<th>R²</th><th>Spearman</th><th></th></tr>\n",
      escaped(report.title), kStyle);
  for (std::size_t k = 0; k < report.attributes.size(); ++k) {
    html += attribute_row(report.attributes[k], report.result.attributes[k]);
  }
  html += "</table></div>\n<h2>Loss against alpha, and calibration</h2>\n<div class=\"plots\">\n";
  for (std::size_t k = 0; k < report.attributes.size(); ++k) {
    html += curves(report.attributes[k], report.result.attributes[k], report.result.alphas);
  }
  return html + "</div>\n" + correlation_table(report) + "</body></html>\n";
}

}  // namespace armorm
