// The options of each program, declared once: name, effect and help of every field. Command line, config
// files, help, man pages, completions, resume keys and reports are made from these declarations.
#pragma once

#include <string>
#include <vector>

#include "armorm/score.h"
#include "armorm/serve.h"
#include "armorm/stage1_prepare.h"
#include "armorm/stage1_train.h"
#include "armorm/stage2_prepare.h"
#include "armorm/stage2_train.h"
#include "core/options.h"

namespace armorm::stages::options {

// Bound to `fields`, which must outlive the list; nothing is assigned until the list is used for it.
OptionList declare(Stage1PrepareOptions& fields);
OptionList declare(Stage1TrainOptions& fields);
OptionList declare(Stage2PrepareOptions& fields);
OptionList declare(Stage2TrainOptions& fields);
OptionList declare(ScoreOptions& fields);
OptionList declare(ServeOptions& fields);

// Name, effect and value of each option.
template <class Options>
std::vector<OptionValue> describe(Options options) {
  return values_of(declare(options));
}

// Names of the options of all programs, so that a config's "common" section can serve them all.
std::vector<std::string> all_option_names();

// A lower module's message with the settings that it names as flags.
std::string with_flags(const std::string& message);

}  // namespace armorm::stages::options
