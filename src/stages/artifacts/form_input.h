// The form of the rows among the inputs of an artefact. Earlier versions recorded none of rows that are read
// by the types of their own columns, so its absence agrees with each such form.
#pragma once

#include <string>

#include "stages/artifacts/artifact_inputs.h"

namespace armorm::stages::artifacts {

// Whether two forms, "" where none is recorded, may be the same.
bool may_be_same_form(const std::string& a, const std::string& b);

// The same of all inputs, which are otherwise equal.
bool are_same(ArtifactInputs a, ArtifactInputs b);

}  // namespace armorm::stages::artifacts
