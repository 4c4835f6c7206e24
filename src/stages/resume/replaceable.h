// Whether a published artefact may be replaced: only --restart replaces one that was made from other inputs.
#pragma once

#include <filesystem>
#include <string>

#include "stages/artifacts/artifact_inputs.h"

namespace armorm::stages::resume {

// data error that names the differences and `folder_flag`, the option with which the other artefact gets
// another place. `then` is empty for an artefact that does not record its inputs, which is refused too.
void check_same_inputs(const std::filesystem::path& artifact, const artifacts::ArtifactInputs& then,
                       const artifacts::ArtifactInputs& now, const std::string& folder_flag);
// The same for <stem>.pt and its twin <stem>.safetensors, whose metadata records the inputs; passes if
// neither exists. A twin that is damaged may be replaced.
void check_replaceable(const std::string& stem, const artifacts::ArtifactInputs& now,
                       const std::string& folder_flag);

}  // namespace armorm::stages::resume
