#include "stages/artifacts/artifact_inputs.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace armorm::stages::artifacts {

std::string text_of(const ArtifactInputs& inputs) { return nlohmann::json(inputs).dump(); }

ArtifactInputs parse_inputs(const std::string& text) {
  const nlohmann::json value = nlohmann::json::parse(text, nullptr, false);
  ArtifactInputs inputs;
  if (!value.is_object()) return inputs;
  for (const auto& [name, input] : value.items())
    if (input.is_string()) inputs[name] = input.get<std::string>();
  return inputs;
}

void add_inputs(const std::string& role, const ArtifactInputs& more, ArtifactInputs& inputs) {
  for (const auto& [name, value] : more) inputs[fmt::format("{}: {}", role, name)] = value;
}

}  // namespace armorm::stages::artifacts
