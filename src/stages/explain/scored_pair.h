// The numbers of a scored pair, and what would flip it, as reports show them.
#pragma once

#include <cstddef>

#include "gating/reward_head.h"
#include "report/gate_figures.h"

namespace armorm::stages::explain {

// Rows `chosen` and `rejected` of the scores. Gate weights contain the gate's scale, as `score` writes them;
// so contribution = gate * debiased. Numbers are the shortest decimals of their float32.
report::ExamplePair scored_pair(const gating::RewardHead& head, const gating::HeadScores& scores,
                                std::size_t chosen, std::size_t rejected);

// By the pair's gate weights and debiased rewards. For weights of the softmax over attributes.
report::FlipFigures flip_of(const report::ExamplePair& pair);

}  // namespace armorm::stages::explain
