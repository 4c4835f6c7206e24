// The report of a ridge run: JSON for programs, one self-contained HTML page for people.
#pragma once

#include <string>
#include <vector>

#include "linear/ridge.h"

namespace armorm {

struct RidgeReport {
  std::string title;                    // e.g. model and data set
  std::vector<std::string> attributes;  // names [K]
  RidgeResult result;
  std::vector<double> correlations;  // label_correlations [K, K]; may be empty
};

// {"title", "alphas", "attributes": [{"name", "status", "n_train", "n_validation", "best_alpha",
// "at_grid_edge", "loss", "validation_mse", "r_squared", "r_squared_interval", "spearman",
// "spearman_interval", "calibration"}], "correlations"}. What was not measured is null. Weights are not part
// of it.
std::string ridge_report_json(const RidgeReport& report);

// Table of the attributes, curves of loss against alpha, calibration, and correlations of the labels. No
// scripts, no links; names are escaped.
std::string ridge_report_html(const RidgeReport& report);

}  // namespace armorm
