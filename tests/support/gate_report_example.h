// A report of stage2-train that never was, as hard to lay out as is wanted.
#pragma once

#include <cstddef>

#include "report/gate_report.h"

namespace armorm::test {

struct ReportShape {
  std::size_t attributes = 3;
  std::size_t seeds = 1;
  std::size_t kinds = 4;       // of prompts
  bool awkward_names = false;  // long ones, and ones that hold & < > " '
  bool unmeasured = false;     // every third figure is NaN
  bool upstream = false;       // --compat upstream
};

// Every part that the page knows.
report::GateReport gate_report_example(const ReportShape& shape);

}  // namespace armorm::test
