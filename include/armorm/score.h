// score: conversations -> the score of an ArmoRM and its contributions, as JSON Lines; or preference pairs ->
// accuracy, and the sections of RewardBench.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "armorm/choices.h"
#include "armorm/data_forms.h"
#include "armorm/dataset_paths.h"
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
  // Preference data on which the model is evaluated, or whose pairs are explained, in place of `input`: one
  // of them at most. With either, `input` and `copy_keys` have their defaults, and with `explain` `fields`
  // too.
  DatasetPaths evaluate = std::vector<std::string>{};
  DatasetPaths explain = std::vector<std::string>{};
  std::string dataset_config = {};
  std::string dataset_split = "train";
  std::vector<std::string> columns = {};  // each "ours=theirs"
  PairForm form = PairForm::auto_;
  std::string preference_label = {};  // one that the form has
  RankedPairs ranked_pairs = RankedPairs::all;
  Benchmark benchmark = Benchmark::auto_;  // of `evaluate`
  std::string report = {};                 // of `evaluate`; empty = none
  std::string html = {};                   // page of the explained pairs; empty = none
  std::int64_t html_pairs = 200;           // >= 1
  std::string training_gates = {};  // file of stage2-train --training_gates, for `explain`; empty = none
  bool json = false;                // with an output file, or `evaluate`

  ARMORM_API void validate() const;  // usage errors
};

// Reads conversations, one per line: {"messages": [...]}, with or without a "response" (text: the assistant's
// turn that follows them), a bare list of messages, or {"prompt": text or messages, "response": text}, with
// an optional "id". Writes one line each, in input order: {"id": ..., "score": ..., "rewards": {name: value},
// "gate": {...}, "contributions": {...}}, with "line": n for rows without an id, and the values of
// `copy_keys`. Other keys of the rows are counted, and named in one warning. Holds `window` rows at a time;
// the rows at hand are scored as soon as no more input is waiting. An output file is published when it is
// complete; a run that was asked to stop leaves none.
//
// With `evaluate`: reads pairs of the forms that stage2-prepare reads (docs/data-forms.md), scores each
// answer like a conversation of `input`, prints accuracy and benchmark, and publishes `report`. `output`, if
// it is a file, gets one line per pair, or per prompt of best-of-n rows, in the order of the data: {"row": 7,
// "subset": ..., "correct": true, "chosen": {"score": ...}, "rejected": {"score": ...}} with the values of
// `fields`; a best-of-n row has lists there, and "credit" in place of "correct". All rows are read and
// checked before the weights are loaded.
//
// With `explain`: one line for each pair, {"row_id": ..., "preferred": "chosen", "margin": ..., "score":
// {"chosen": ..., "rejected": ...}, "rewards": {"chosen": {name: value}, ...}, ...}, and the page `html`.
//
// With `json` a summary is printed as a document. Throws Error. One run at a time in a process.
ARMORM_API void run_score(const ScoreOptions& options, const StopRequested& stop_requested = {});

}  // namespace armorm
