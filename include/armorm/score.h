// score: conversations -> the score of an ArmoRM and its contributions, as JSON Lines.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "armorm/choices.h"
#include "armorm/export.h"
#include "armorm/reward_scorer.h"
#include "armorm/stop.h"

namespace armorm {

// `score --help` says what each field means; the comments here say which values it may have.
struct ScoreOptions : ScorerOptions {
  std::string input = "-";
  std::string output = "-";
  std::int64_t window = 1024;  // >= 1
  OnBadRow on_bad_row = OnBadRow::error;
  std::vector<ScoreField> fields{ScoreField::score, ScoreField::rewards, ScoreField::gate,
                                 ScoreField::contributions};  // at least one
  std::vector<std::string> copy_keys{};  // keys of the rows; none of those that a line has already
  // Pairs of answers instead of conversations: a data set in one of the forms of stage2-prepare. Empty =
  // none; else `input`, `fields` and `copy_keys` have their defaults.
  std::string explain = {};
  std::string explain_split = "train";
  std::string html = {};            // page of the explained pairs; empty = none
  std::int64_t html_pairs = 200;    // >= 1
  std::string training_gates = {};  // file of stage2-train --training_gates; empty = none

  ARMORM_API void validate() const;  // usage errors
};

// Reads conversations, one per line: {"messages": [...]}, with or without a "response" (text: the assistant's
// turn that follows them), a bare list of messages, or {"prompt": text or messages, "response": text}, with
// an optional "id". Writes one line each, in input order: {"id": ..., "score": ..., "rewards": {name: value},
// "gate": {...}, "contributions": {...}}, with "line": n for rows without an id, and the values of
// `copy_keys`. Other keys of the rows are counted, and named in one warning. Holds `window` rows at a time;
// the rows at hand are scored as soon as no more input is waiting. An output file is published when it is
// complete; a run that was asked to stop leaves none. Throws Error. One run at a time in a process.
//
// With `explain`: one line for each pair, {"row_id": ..., "preferred": "chosen", "margin": ..., "score":
// {"chosen": ..., "rejected": ...}, "rewards": {"chosen": {name: value}, ...}, ...}, and the page `html`.
ARMORM_API void run_score(const ScoreOptions& options, const StopRequested& stop_requested = {});

}  // namespace armorm
