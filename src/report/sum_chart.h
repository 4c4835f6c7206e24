// Bars that add up, as SVG with the colours of the page: each begins where the one before it ended.
#pragma once

#include <string>
#include <vector>

namespace armorm::report::html {

struct SumSeries {
  std::string name;            // in the legend
  std::vector<double> values;  // one per row, finite
  double total = 0.0;          // drawn as a bar from 0 in a last row
};

struct SumChart {
  std::string title;
  std::vector<std::string> rows;  // their names
  std::string total_row;          // name of the last row
  std::vector<SumSeries> series;  // at most 4: colours 0 to 3, or from `first_colour` on
  int first_colour = 0;
};

// The chart; values below 0 are drawn lighter. A screen reader gets the title and the totals. "" without rows
// or with a value that is not finite.
std::string sum_chart(const SumChart& chart);

}  // namespace armorm::report::html
