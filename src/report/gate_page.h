// The report of stage2-train as a page for people.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace armorm {

// One self-contained HTML page that says what the JSON report says, and nothing else: curves, tables, heat
// maps, examples, options and hashes. A part that the report lacks is left out; a number that is null is
// shown as "–".
std::string gate_report_page(const nlohmann::json& report);

}  // namespace armorm
