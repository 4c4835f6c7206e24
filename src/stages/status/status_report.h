// The output of --status.
#pragma once

#include <filesystem>
#include <string>

#include "armorm/extraction_options.h"

namespace armorm::stages::status {

// The set named by a prepare stage's options.
struct StatusQuestion {
  std::string program;
  std::string stem;                   // without shard numbers
  bool single_has_no_number = false;  // in the name of its file
};

// Prints to stdout: a line for each shard of the set, or with --all_sets one for each set below the data
// root; the sums; with --json everything as JSON.
void print_status(const ExtractionOptions& options, const StatusQuestion& question);

}  // namespace armorm::stages::status
