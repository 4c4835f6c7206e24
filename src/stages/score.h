// score: conversations -> the score of an ArmoRM and its contributions, as JSON Lines.
#pragma once

#include "stages/options/score_options.h"
#include "stages/options/stage_environment.h"

namespace armorm {

// Reads conversations, one per line: {"messages": [...]}, a bare list of messages, or {"prompt": text or
// messages, "response": text}, with an optional "id". Writes one line each, in input order: {"id": ...,
// "score": ..., "rewards": {name: value}, "gate": {...}, "contributions": {...}}, with "line": n for rows
// without an id. Holds --window rows at a time; the rows at hand are scored as soon as no more input is
// waiting. An output file is published when it is complete.
void run_score(const ScoreOptions& options, const StageEnvironment& environment = {});

}  // namespace armorm
