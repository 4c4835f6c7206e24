// The report of stage2-train as an HTML page.
#pragma once

#include <string>

#include "report/gate_report.h"

namespace armorm::report {

// One self-contained HTML page that says what the JSON report says, and nothing else: curves, tables, heat
// maps, examples, options and hashes. A part that the report lacks is left out; a figure that was not
// measured is shown as "–".
std::string gate_report_page(const GateReport& report);

}  // namespace armorm::report
