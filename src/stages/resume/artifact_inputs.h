// What a published artefact was made from. Only --restart replaces one that was made from other inputs.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace armorm::stages::resume {

// Name -> text or digest, of the model, its template, the data, the attributes and the artefacts before it.
// Training options are no inputs: another value replaces the artefact.
using ArtifactInputs = std::map<std::string, std::string>;

constexpr const char* kInputsField = "inputs";  // in the metadata of an artefact, as JSON

std::string text_of(const ArtifactInputs& inputs);
// Empty for a text that text_of() did not write.
ArtifactInputs parse_inputs(const std::string& text);

// Appends `more` to `inputs`, with "<role>: " before each name.
void add_inputs(const std::string& role, const ArtifactInputs& more, ArtifactInputs& inputs);

// data error that names the differences and `folder_flag`, the option with which the other artefact gets
// another place. `then` is empty for an artefact that does not record its inputs, which is refused too.
void check_same_inputs(const std::filesystem::path& artifact, const ArtifactInputs& then,
                       const ArtifactInputs& now, const std::string& folder_flag);
// The same for <stem>.pt and its twin <stem>.safetensors, whose metadata records the inputs; passes if
// neither exists. A twin that is damaged may be replaced.
void check_replaceable(const std::string& stem, const ArtifactInputs& now, const std::string& folder_flag);

}  // namespace armorm::stages::resume
