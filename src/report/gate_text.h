// Sections of stage2-train's report as tables for the terminal.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "report/gate_figures.h"
#include "report/scorer_figures.h"
#include "report/text_style.h"

namespace armorm::report {

std::string debiasing_text(const Debiasing& debiasing, const TextStyle& style = {});
// "" for a single run.
std::string seeds_text(const TrainingFigures& training, const TextStyle& style = {});
// With a bar for each mean weight, the largest in full length.
std::string usage_text(const UsageFigures& usage, const TextStyle& style = {});

// `title` and `n`: the name of the set and its number of pairs.
std::string comparison_text(const std::string& title, const std::vector<ScorerFigures>& scorers,
                            std::int64_t n, const TextStyle& style = {});
// Every cell is an accuracy or score in percent with its 95 % interval; on RewardBench those that differ from
// the gate's with p < 0.05 are marked.
std::string reward_bench_text(const Benchmark& bench, const TextStyle& style = {});
std::string reward_bench_2_text(const Benchmark& bench, const TextStyle& style = {});
// `scorers` belong to one set; "" without scorers.
std::string length_bias_text(const std::vector<LengthBiasFigures>& scorers, const TextStyle& style = {});

}  // namespace armorm::report
