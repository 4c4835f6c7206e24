// score: conversations -> the score of an ArmoRM and what it is made of, as JSON Lines.
#pragma once

#include "stages/options/score_options.h"
#include "stages/stage_environment.h"

namespace armorm {

// Reads conversations, one a line: {"messages": [...]}, a bare list of messages, or {"prompt": text or
// messages, "response": text}, with an optional "id". Writes a line for each, in the order of the input:
// {"id": ..., "score": ..., "rewards": {name: value}, "gate": {...}, "contributions": {...}}, with "line": n
// where the row has no id. Holds --window rows at a time; those that are there are scored as soon as no more
// input is waiting. An output file is published when it is whole.
void run_score(const ScoreOptions& options, const StageEnvironment& environment = {});

}  // namespace armorm
