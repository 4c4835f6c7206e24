// What --status prints.
#pragma once

#include <filesystem>
#include <string>

#include "stages/options/common_options.h"

namespace armorm {

// The set that a prepare stage's options name.
struct StatusQuestion {
  std::string program;
  std::string stem;                   // without shard numbers
  bool single_has_no_number = false;  // in the name of its file
};

// On stdout: a line for each shard of the set, or with --all_sets one for each set below the data root; the
// sums; and with
// --json all of it.
void print_status(const ExtractionOptions& options, const StatusQuestion& question);

}  // namespace armorm
