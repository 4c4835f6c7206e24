// Figures by source as tables for the terminal, within the style's columns: the largest sources, and the sum
// of the rest.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/gate_figures.h"
#include "report/source_figures.h"
#include "report/text_style.h"

namespace armorm::report {

inline constexpr std::size_t kPrintedSources = 20;

std::string comparison_by_source_text(const SetBySource& set, const TextStyle& style = {});
// Length bias of the gate; "" for a set without lengths.
std::string length_bias_by_source_text(const SetBySource& set, const TextStyle& style = {});
// The attributes with the largest mean weights, as many as a line holds and at most three.
std::string weights_by_source_text(const WeightsByKind& set, const std::vector<std::string>& attributes,
                                   const TextStyle& style = {});

}  // namespace armorm::report
