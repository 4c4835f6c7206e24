// An invented report of stage2-train that is as hard to lay out as requested.
#pragma once

#include <cstddef>

#include "report/gate_report.h"

namespace armorm::test {

struct ReportShape {
  std::size_t attributes = 3;
  std::size_t seeds = 1;
  std::size_t kinds = 4;       // number of prompt kinds
  bool awkward_names = false;  // long names, and names with & < > " '
  bool unmeasured = false;     // every third figure is NaN
  bool upstream = false;       // --compat upstream
};

// Every section that the page knows.
report::GateReport gate_report_example(const ReportShape& shape);

}  // namespace armorm::test
