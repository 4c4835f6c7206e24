// Sections of stage2-train's report as tables for the terminal.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "report/gate_figures.h"
#include "report/scorer_figures.h"

namespace armorm::report {

std::string debiasing_text(const Debiasing& debiasing);
// "" for a single run.
std::string seeds_text(const TrainingFigures& training);
std::string usage_text(const UsageFigures& usage);

// `title` and `n`: the name of the set and its number of pairs.
std::string comparison_text(const std::string& title, const std::vector<ScorerFigures>& scorers,
                            std::int64_t n);
// Every cell is an accuracy or score in percent with its 95 % interval, followed by a scorer's p-value
// against the gate.
std::string reward_bench_text(const Benchmark& bench);
std::string reward_bench_2_text(const Benchmark& bench);
// `scorers` belong to one set; "" without scorers.
std::string length_bias_text(const std::vector<LengthBiasFigures>& scorers);

}  // namespace armorm::report
