#include "stages/artifacts/gate_tensors.h"

#include <fmt/core.h>

#include "core/error.h"

namespace armorm::stages::artifacts {
namespace {

std::vector<float> values_of(const io::TensorView& tensor) {
  const auto values = tensor.as<float>();
  return {values.begin(), values.end()};
}

}  // namespace

model::pt::PtTensors gate_tensors(const gating::GateParameters& gate, const std::string& prefix) {
  model::pt::PtTensors tensors{{prefix + "logit_scale", {{1}, {gate.logit_scale}}}};
  for (std::size_t i = 0; i < gate.layers.size(); ++i) {
    const gating::GateLayer& layer = gate.layers[i];
    const std::string name = fmt::format("{}layers.{}", prefix, i);
    tensors.emplace_back(name + ".weight", model::pt::PtTensor{{layer.out, layer.in}, layer.weight});
    tensors.emplace_back(name + ".bias", model::pt::PtTensor{{layer.out}, layer.bias});
  }
  return tensors;
}

gating::GateParameters read_gate_tensors(const io::SafetensorsFile& file, const std::string& prefix) {
  gating::GateParameters gate;
  gate.logit_scale = file.at(prefix + "logit_scale", DType::f32, {1}).as<float>()[0];
  for (;;) {
    const std::string name = fmt::format("{}layers.{}", prefix, gate.layers.size());
    if (!file.contains(name + ".weight")) return gate;
    const std::int64_t in = gate.layers.empty() ? -1 : gate.layers.back().out;
    const io::TensorView weight = file.at(name + ".weight", DType::f32, {-1, in});
    const io::TensorView bias = file.at(name + ".bias", DType::f32, {weight.shape[0]});
    gate.layers.push_back({weight.shape[0], weight.shape[1], values_of(weight), values_of(bias)});
  }
}

std::vector<io::TensorSpec> specs_of(const model::pt::PtTensors& tensors) {
  std::vector<io::TensorSpec> specs;
  for (const auto& [name, tensor] : tensors) specs.push_back({name, DType::f32, tensor.shape});
  return specs;
}

void append_all(io::SafetensorsWriter& writer, const model::pt::PtTensors& tensors) {
  for (const auto& [name, tensor] : tensors) writer.append(std::span<const float>(tensor.values));
}

}  // namespace armorm::stages::artifacts
