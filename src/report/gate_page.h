// The report of stage2-train as an HTML page.
#pragma once

#include <string>

#include "report/gate_report.h"

namespace armorm::report {

// One self-contained HTML page with the content of the JSON report: curves, tables, heat maps, examples,
// options and hashes. Of a set with over kSourcesOnPage sources, it sums the smaller ones in one row. A
// section that the report lacks is left out; a figure that was not measured is shown as "–".
std::string gate_report_page(const GateReport& report);

}  // namespace armorm::report
