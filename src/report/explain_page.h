// The page of score --explain, and its lines: pairs of answers with the reasons of their scores.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "report/gate_figures.h"

namespace armorm::report {

struct ExplainReport {
  std::string armorm_version;
  std::string model;
  std::string dataset;
  std::string training_gates;           // file of the training prompts' weights; empty = none
  std::vector<std::string> attributes;  // [K] names
  std::int64_t pairs = 0;               // scored
  std::int64_t right = 0;               // of them, the chosen answer has the higher score
  std::int64_t failed = 0;              // pairs without a score
  std::vector<ExamplePair> shown;       // the first ones; gate weights contain the gate's scale
};

std::string explain_page(const ExplainReport& report);

// A line of JSON, of the numbers that the page shows; objects by attribute.
std::string explain_line(const ExamplePair& pair, const std::vector<std::string>& attributes);
// The line of a pair without scores.
std::string failed_line(std::int64_t row_id, const std::string& reason);

}  // namespace armorm::report
