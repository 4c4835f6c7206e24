// The facts of MakingFact that embedding sets, regression weights and gates record, and their comparison.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "armorm/making_fact.h"
#include "stages/artifacts/provenance.h"
#include "stages/artifacts/regression_weights.h"

namespace armorm::stages::artifacts {

// Digests or texts; a fact that is not recorded is absent, and agrees with all.
using MakingFacts = std::map<MakingFact, std::string>;

MakingFacts making_facts(const Provenance& provenance);
// Those of the set that the weights were fitted to.
MakingFacts making_facts(const RegressionWeights& weights);

struct MakingDifference {
  MakingFact fact;
  std::string found, expected;  // for messages: digests are shortened
};
std::vector<MakingDifference> differences_of(const MakingFacts& found, const MakingFacts& expected);

// JSON object of the facts by their words, for metadata.
std::string text_of(const MakingFacts& facts);

// SHA-256 of the files besides tokenizer.json that decide token ids, by name, as JSON; for
// ModelFacts::tokenizer_files.
std::string tokenizer_files_of(const std::filesystem::path& text_folder);

}  // namespace armorm::stages::artifacts
