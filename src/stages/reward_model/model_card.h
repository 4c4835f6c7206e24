// README.md of an exported model: description, usage, and the tables of the run.
#pragma once

#include <string>

#include "report/gate_report.h"
#include "report/ridge_report.h"
#include "stages/artifacts/gate_artifact.h"

namespace armorm {

struct ModelCardInputs {
  std::string name;        // name of the exported folder
  std::string base_model;  // Hub id of the decoder; empty for a local folder
  std::string license;     // lines of front matter, each ending in "\n"; empty if the decoder's card has none
  const GateArtifact& artifact;
  const report::GateReport& report;  // tables it has nothing for are left out
  const RidgeReport& regression;     // that of stage1-train; without attributes where there is none
  std::string template_date = {};  // date given to the chat template; empty if the template does not use the
                                   // date
};

// Markdown with the Hub's YAML front matter.
std::string model_card(const ModelCardInputs& inputs);

// The front matter lines of a card that give the license.
std::string license_lines(const std::string& card);

}  // namespace armorm
