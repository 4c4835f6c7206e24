// What a published artefact was made from.
#pragma once

#include <map>
#include <string>

namespace armorm::stages::artifacts {

// Name -> text or digest, of the model, its template, the data, the attributes and the artefacts before it.
// Training options are no inputs: another value replaces the artefact.
using ArtifactInputs = std::map<std::string, std::string>;

// Names of inputs that decide embeddings.
constexpr const char* kTemplateInput = "chat template";
constexpr const char* kTokenizerInput = "tokenizer.json";
constexpr const char* kConfigInput = "config.json";
constexpr const char* kWeightsInput = "weights of the model";
constexpr const char* kPrecisionInput = "precision";

constexpr const char* kInputsField = "inputs";  // in the metadata of an artefact, as JSON

std::string text_of(const ArtifactInputs& inputs);
// Empty for a text that text_of() did not write.
ArtifactInputs parse_inputs(const std::string& text);

// Appends `more` to `inputs`, with "<role>: " before each name.
void add_inputs(const std::string& role, const ArtifactInputs& more, ArtifactInputs& inputs);

}  // namespace armorm::stages::artifacts
