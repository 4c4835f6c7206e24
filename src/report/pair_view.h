// A pair of answers with the reasons of its scores, as HTML: for the pages of stage2-train and score.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/gate_figures.h"

namespace armorm::report {

// "right row 7 · margin 0.0123, chosen 0.5, rejected 0.4", as HTML for a <summary>.
std::string pair_summary(const ExamplePair& pair);

// Every number of the pair, a row per attribute, in the order in which they decide it.
std::string pair_table(const ExamplePair& pair, const std::string& id,
                       const std::vector<std::string>& attributes);

// What the pair has of texts, sums of contributions as bars, pair_table(), flip and nearest prompts. Ids of
// elements begin with `id`.
std::string pair_view(const ExamplePair& pair, const std::string& id,
                      const std::vector<std::string>& attributes);

// What pair_view() shows, and what its flip means.
std::string pair_view_notes();

}  // namespace armorm::report
