// The report of a ridge run: JSON for programs, one self-contained HTML page for people.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "linear/ridge.h"

namespace armorm::report {

// Data and options of the regressions.
struct RidgeRun {
  std::string armorm_version;
  std::string model;
  std::string dataset;
  std::int64_t rows = 0;
  std::int64_t hidden_size = 0;
  std::int64_t seed = 0;
  std::string cv;
  std::string split_by;
  std::string weight_column;
  bool standardize = false;
  bool fit_intercept = false;
  bool refit = false;
  std::int64_t bootstrap = 0;           // resamples
  std::optional<std::int64_t> n_folds;  // absent without folds
  std::string bootstrap_unit;           // unit of a resample, "row" or "prompt"; empty without resamples
};

struct RidgeReport {
  std::string title;                    // e.g. model and data set
  std::vector<std::string> attributes;  // names [K]
  linear::RidgeResult result;
  std::vector<double> correlations;            // label_correlations [K, K]; may be empty
  std::optional<RidgeRun> run = std::nullopt;  // absent if unknown
};

// {"title", "alphas", "attributes": [{"name", "status", "n_train", "n_validation", "best_alpha",
// "at_grid_edge", "loss", "few_validation_rows", "validation_mse", "r_squared", "r_squared_interval",
// "spearman", "spearman_interval", "calibration"}], "correlations"} and, if known, the members of `run` by
// their names. Values that were not measured are null. Weights are not included.
nlohmann::json to_json(const RidgeReport& report);

// Reads names, row counts, alphas and single figures of the fits from to_json()'s format, for tables. A
// figure that is null or absent is NaN.
RidgeReport parse_ridge_report(const nlohmann::json& report);

// Table of the attributes, curves of loss against alpha, calibration, and correlations of the labels. Of more
// than 100 attributes those with the highest and the lowest R², 50 each, and a link to the JSON report of
// this name in the same folder, if one is given. No scripts; names are escaped.
std::string ridge_report_html(const RidgeReport& report, const std::string& json_name = "");

}  // namespace armorm::report
