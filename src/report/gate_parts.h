// The sections of stage2-train's page, in order. Each is HTML, and "" if the report lacks its data.
#pragma once

#include <cstddef>
#include <string>

#include "report/gate_report.h"

namespace armorm::report {

// Rows of a table by source; the page stays small enough for a browser. The rest is summed.
inline constexpr std::size_t kSourcesOnPage = 200;

std::string training_part(const GateReport& report);    // curves, seeds
std::string comparison_part(const GateReport& report);  // the gate and its baselines on the validation pairs
std::string reward_bench_part(const GateReport& report);  // RewardBench v1
std::string reward_bench_2_part(const GateReport& report);
std::string evaluation_part(const GateReport& report);  // further preference sets
std::string length_bias_part(const GateReport& report);
std::string by_source_part(const GateReport& report);  // accuracy and length bias by source
std::string debiasing_part(const GateReport& report);  // penalties, T
std::string gate_part(const GateReport& report);       // weights, also by kind of prompt
std::string examples_part(const GateReport& report);   // gate x T x reward
std::string origin_part(const GateReport& report);     // options, inputs and outputs with hashes

}  // namespace armorm::report
