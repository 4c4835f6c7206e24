// README.md of an exported model: what it is, how to use it, and the tables of the run that made it.
#pragma once

#include <string>

#include "report/gate_report.h"
#include "report/ridge_report.h"
#include "stages/artifacts/gate_artifact.h"

namespace armorm {

struct ModelCardInputs {
  std::string name;        // of the exported folder
  std::string base_model;  // Hub id of the decoder; empty for a local folder
  std::string license;  // lines of front matter, each ending in "\n"; empty where the decoder's card has none
  const GateArtifact& artifact;
  const report::GateReport& report;  // tables it has nothing for are left out
  const RidgeReport& regression;     // that of stage1-train; without attributes where there is none
  std::string template_date = {};  // that the chat template was told; empty where it does not read the clock
};

// Markdown with the YAML front matter that the Hub reads.
std::string model_card(const ModelCardInputs& inputs);

// The lines of a card's front matter that say the license.
std::string license_lines(const std::string& card);

}  // namespace armorm
