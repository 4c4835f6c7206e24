#include "report/ridge_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/error.h"
#include "core/stop_point.h"
#include "report/html_chart.h"
#include "report/html_page.h"
#include "report/json_values.h"

namespace armorm::report {
namespace {

using nlohmann::json;

constexpr std::size_t kBestOnPage = 50;  // and as many of the worst

void check_sizes(const RidgeReport& report) {
  const std::size_t k = report.result.attributes.size();
  if (report.attributes.size() != k ||
      (!report.correlations.empty() && report.correlations.size() != k * k)) {
    fail_internal("ridge report: {} names and {} correlations for {} attributes", report.attributes.size(),
                  report.correlations.size(), k);
  }
}

json interval(const stats::Interval& range) {
  if (!std::isfinite(range.low)) return nullptr;
  return json::array({range.low, range.high});
}

json calibration_json(const std::vector<linear::CalibrationBin>& bins) {
  json out = json::array();
  for (const linear::CalibrationBin& bin : bins)
    out.push_back(
        {{"n_rows", bin.n_rows}, {"mean_prediction", bin.mean_prediction}, {"mean_label", bin.mean_label}});
  return out;
}

json attribute_json(const std::string& name, const linear::AttributeFit& fit) {
  stop_point();
  return {{"name", name},
          {"status", std::string(name_of(fit.status))},
          {"n_train", fit.n_train},
          {"n_validation", fit.n_validation},
          {"best_alpha", json_number(fit.best_alpha)},
          {"at_grid_edge", fit.at_grid_edge},
          {"loss", fit.loss},
          {"few_validation_rows", linear::measured_on_few_rows(fit)},
          {"validation_mse", json_number(fit.validation_mse)},
          {"r_squared", json_number(fit.r_squared)},
          {"r_squared_interval", interval(fit.r_squared_interval)},
          {"spearman", json_number(fit.spearman)},
          {"spearman_interval", interval(fit.spearman_interval)},
          {"calibration", calibration_json(fit.calibration)}};
}

json correlations_json(const RidgeReport& report) {
  json rows = json::array();
  const std::size_t k = report.correlations.empty() ? 0 : report.attributes.size();
  for (std::size_t i = 0; i < k; ++i) {
    json row = json::array();
    for (std::size_t j = 0; j < k; ++j) row.push_back(json_number(report.correlations[i * k + j]));
    rows.push_back(std::move(row));
  }
  return rows;
}

void add_run(json& out, const RidgeRun& run) {
  out.update({{"armorm_version", run.armorm_version},
              {"model", run.model},
              {"dataset", run.dataset},
              {"rows", run.rows},
              {"hidden_size", run.hidden_size},
              {"seed", run.seed},
              {"cv", run.cv},
              {"split_by", run.split_by},
              {"weight_column", run.weight_column},
              {"standardize", run.standardize},
              {"fit_intercept", run.fit_intercept},
              {"refit", run.refit},
              {"bootstrap", run.bootstrap}});
  if (run.n_folds) out["n_folds"] = *run.n_folds;
  if (!run.bootstrap_unit.empty()) out["bootstrap_unit"] = run.bootstrap_unit;
}

// The member, or null if `value` is not an object or lacks it.
json member(const json& value, const char* key) {
  return value.is_object() ? value.value(key, json()) : json();
}

double number_in(const json& value, const char* key) {
  const json found = member(value, key);
  return found.is_number() ? found.get<double>() : stats::kNotMeasured;
}

std::int64_t count_in(const json& value, const char* key) {
  const json found = member(value, key);
  return found.is_number() ? found.get<std::int64_t>() : 0;
}

linear::AttributeFit parse_fit(const json& value) {
  linear::AttributeFit fit;
  fit.n_train = count_in(value, "n_train");
  fit.n_validation = count_in(value, "n_validation");
  fit.best_alpha = number_in(value, "best_alpha");
  fit.validation_mse = number_in(value, "validation_mse");
  fit.r_squared = number_in(value, "r_squared");
  fit.spearman = number_in(value, "spearman");
  return fit;
}

std::string with_interval(double value, const stats::Interval& range) {
  if (!std::isfinite(range.low)) return html::number(value, 4);
  return fmt::format("{} <small>[{:.4f}, {:.4f}]</small>", html::number(value, 4), range.low, range.high);
}

std::string note_of(const linear::AttributeFit& fit) {
  std::string note = fit.status != linear::AttributeStatus::fitted ? std::string(name_of(fit.status))
                     : fit.best_index < 0                          ? "alpha could not be chosen"
                     : fit.at_grid_edge                            ? "best alpha at the grid's edge"
                                                                   : "";
  if (linear::measured_on_few_rows(fit))
    note += fmt::format("{}R² and Spearman from fewer than {} validation rows", note.empty() ? "" : "; ",
                        linear::kFewValidationRows);
  return note;
}

// All attributes, or the best and then the worst by R². Attributes without R² are the worst.
std::vector<std::size_t> shown_attributes(const RidgeReport& report) {
  std::vector<std::size_t> order(report.attributes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (order.size() <= 2 * kBestOnPage) return order;
  const auto fit_of = [&](std::size_t k) {
    const double r_squared = report.result.attributes[k].r_squared;
    return std::isfinite(r_squared) ? r_squared : -std::numeric_limits<double>::infinity();
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return fit_of(a) > fit_of(b); });
  order.erase(order.begin() + kBestOnPage, order.end() - kBestOnPage);
  return order;
}

// Of a file beside the page, whatever its name.
std::string link_to(const std::string& name) {
  std::string target = "./";
  for (const char c : name) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       c == '-' || c == '.' || c == '_';
    target += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return fmt::format("<a href=\"{}\">{}</a>", target, html::escaped(name));
}

// "" when the page shows everything.
std::string selection_note(const RidgeReport& report, std::size_t shown, const std::string& json_name) {
  if (shown == report.attributes.size()) return "";
  std::string note = fmt::format(
      "Of {} attributes the page shows the {} with the highest R² and the {} with the lowest or none.",
      report.attributes.size(), kBestOnPage, kBestOnPage);
  if (!json_name.empty()) note += " The figures of all are in " + link_to(json_name) + ".";
  return "<p>" + note + "</p>\n";
}

std::string attribute_table(const RidgeReport& report, const std::vector<std::size_t>& shown) {
  html::Table table("attributes", "Fits on the training rows, measured on the validation rows",
                    {"attribute", "train", "validation", "alpha", "MSE", "R²", "Spearman", {"", true}});
  for (const std::size_t k : shown) {
    const linear::AttributeFit& fit = report.result.attributes[k];
    table.add({html::escaped(report.attributes[k]), std::to_string(fit.n_train),
               std::to_string(fit.n_validation),
               std::isfinite(fit.best_alpha) ? fmt::format("{:g}", fit.best_alpha) : "–",
               html::number(fit.validation_mse, 4), with_interval(fit.r_squared, fit.r_squared_interval),
               with_interval(fit.spearman, fit.spearman_interval), html::text_cell(note_of(fit))});
  }
  return table.str();
}

std::string curves(const std::string& name, const linear::AttributeFit& fit,
                   const std::vector<double>& alphas) {
  stop_point();
  if (fit.loss.empty()) return "";
  html::Chart loss{name + ": loss against log10 alpha", "log10 alpha", "loss", {{}}, {}, {}, false};
  for (std::size_t i = 0; i < fit.loss.size(); ++i)
    loss.series[0].points.push_back({std::log10(alphas[i]), fit.loss[i]});
  if (fit.best_index >= 0 && fit.best_index < static_cast<int>(fit.loss.size()))
    loss.marked.push_back(loss.series[0].points[static_cast<std::size_t>(fit.best_index)]);
  html::Chart calibration{
      name + ": mean label against mean prediction", "prediction", "label", {{}}, {}, {}, true};
  for (const linear::CalibrationBin& bin : fit.calibration)
    calibration.series[0].points.push_back({bin.mean_prediction, bin.mean_label});
  const auto [low, high] = std::minmax_element(fit.loss.begin(), fit.loss.end());
  return fmt::format(
      "<figure><figcaption>{}<br><small>loss {:.4g} to {:.4g}; alpha {:g} to {:g}</small></figcaption>"
      "<div class=\"pair\">{}{}</div></figure>\n",
      html::escaped(name), *low, *high, alphas.front(), alphas.back(), html::line_chart(loss),
      html::line_chart(calibration));
}

std::string correlation_map(const RidgeReport& report, const std::vector<std::size_t>& shown) {
  if (report.correlations.empty()) return "";
  html::HeatMap map{"label-correlations",
                    "Pearson's correlation over the rows that have both labels",
                    "attribute",
                    {},
                    {},
                    {},
                    {},
                    {},
                    2,
                    false};
  for (const std::size_t k : shown) {
    map.rows.push_back(report.attributes[k]);
    for (const std::size_t j : shown)
      map.values.push_back(report.correlations[k * report.attributes.size() + j]);
  }
  map.columns = map.rows;
  return html::heat_map(map);
}

}  // namespace

json to_json(const RidgeReport& report) {
  check_sizes(report);
  json out{{"title", report.title},
           {"alphas", report.result.alphas},
           {"attributes", json::array()},
           {"correlations", correlations_json(report)}};
  for (std::size_t k = 0; k < report.attributes.size(); ++k)
    out["attributes"].push_back(attribute_json(report.attributes[k], report.result.attributes[k]));
  if (report.run) add_run(out, *report.run);
  return out;
}

RidgeReport parse_ridge_report(const json& report) {
  RidgeReport out;
  const json attributes = member(report, "attributes");
  if (!attributes.is_array()) return out;
  for (const json& attribute : attributes) {
    const json name = member(attribute, "name");
    out.attributes.push_back(name.is_string() ? name.get<std::string>() : "");
    out.result.attributes.push_back(parse_fit(attribute));
  }
  return out;
}

std::string ridge_report_html(const RidgeReport& report, const std::string& json_name) {
  check_sizes(report);
  const std::vector<std::size_t> shown = shown_attributes(report);
  std::string plots;
  for (const std::size_t k : shown)
    plots += curves(report.attributes[k], report.result.attributes[k], report.result.alphas);
  if (!plots.empty()) plots = "<div class=\"plots double\">\n" + plots + "</div>\n";
  const std::string title = "Ridge regression: " + report.title;
  return html::page(
      title, "<h1>" + html::escaped(title) + "</h1>\n" + selection_note(report, shown.size(), json_name) +
                 attribute_table(report, shown) +
                 html::section("curves", "Loss against alpha, and calibration", plots) +
                 html::section("correlations", "Correlations of the labels", correlation_map(report, shown)));
}

}  // namespace armorm::report
