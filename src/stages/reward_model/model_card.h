// README.md of an exported model: description, usage, and the tables of the run.
#pragma once

#include <string>

#include "report/gate_report.h"
#include "report/ridge_report.h"
#include "stages/artifacts/gate_artifact.h"

namespace armorm::stages::reward_model {

struct ModelCardInputs {
  std::string name;        // name of the exported folder
  std::string base_model;  // Hub id of the decoder; empty for a local folder
  std::string license;     // lines of front matter, each ending in "\n"; empty if the decoder's card has none
  const artifacts::GateArtifact& artifact;
  const report::GateReport& report;       // tables without data are left out
  const report::RidgeReport& regression;  // report of stage1-train; without attributes if there is none
  std::string template_date = {};         // date for the chat template; empty = not used by it
};

// Markdown with the Hub's YAML front matter.
std::string model_card(const ModelCardInputs& inputs);

// The front matter lines of a card that give the license.
std::string license_lines(const std::string& card);

}  // namespace armorm::stages::reward_model
