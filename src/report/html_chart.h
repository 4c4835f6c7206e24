// Line charts of the HTML reports, as SVG with the colours of the page.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace armorm::report::html {

struct Point {
  double x = 0.0;
  double y = 0.0;
};

struct Series {
  std::string name;           // in the legend; empty = not listed
  std::vector<Point> points;  // ascending x; a non-finite point interrupts the line
  int colour = 0;             // 0 to 3, each with a dash pattern of its own
  bool faint = false;         // one of several runs
};

struct Band {  // between two curves
  std::vector<Point> low;
  std::vector<Point> high;
  int colour = 0;
};

struct Chart {
  std::string title;
  std::string x;  // names of the axes
  std::string y;
  std::vector<Series> series;
  std::vector<Band> bands;
  std::vector<Point> marked;  // drawn as larger dots
  bool diagonal = false;      // draws y = x and gives both axes one scale
};

// The chart with its axes. A screen reader gets the title and, for each series, the first, last, lowest and
// highest value. "" without a finite point.
std::string line_chart(const Chart& chart);

// Legend of the colours; "" for a single series.
std::string legend(const Chart& chart);

// Round numbers from `low` to `high`, at most `most` + 1. Requires low < high.
std::vector<double> round_ticks(double low, double high, int most);

}  // namespace armorm::report::html
