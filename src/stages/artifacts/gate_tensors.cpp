#include "stages/artifacts/gate_tensors.h"

#include <fmt/core.h>

#include "core/error.h"

namespace armorm {
namespace {

std::vector<float> values_of(const TensorView& tensor) {
  const auto values = tensor.as<float>();
  return {values.begin(), values.end()};
}

}  // namespace

PtTensors gate_tensors(const GateParameters& gate, const std::string& prefix) {
  PtTensors tensors{{prefix + "logit_scale", {{1}, {gate.logit_scale}}}};
  for (std::size_t i = 0; i < gate.layers.size(); ++i) {
    const GateLayer& layer = gate.layers[i];
    const std::string name = fmt::format("{}layers.{}", prefix, i);
    tensors.emplace_back(name + ".weight", PtTensor{{layer.out, layer.in}, layer.weight});
    tensors.emplace_back(name + ".bias", PtTensor{{layer.out}, layer.bias});
  }
  return tensors;
}

GateParameters read_gate_tensors(const SafetensorsFile& file, const std::string& prefix) {
  GateParameters gate;
  gate.logit_scale = file.at(prefix + "logit_scale", DType::f32, {1}).as<float>()[0];
  for (;;) {
    const std::string name = fmt::format("{}layers.{}", prefix, gate.layers.size());
    if (!file.contains(name + ".weight")) return gate;
    const std::int64_t in = gate.layers.empty() ? -1 : gate.layers.back().out;
    const TensorView weight = file.at(name + ".weight", DType::f32, {-1, in});
    const TensorView bias = file.at(name + ".bias", DType::f32, {weight.shape[0]});
    gate.layers.push_back({weight.shape[0], weight.shape[1], values_of(weight), values_of(bias)});
  }
}

std::vector<TensorSpec> specs_of(const PtTensors& tensors) {
  std::vector<TensorSpec> specs;
  for (const auto& [name, tensor] : tensors) specs.push_back({name, DType::f32, tensor.shape});
  return specs;
}

void append_all(SafetensorsWriter& writer, const PtTensors& tensors) {
  for (const auto& [name, tensor] : tensors) writer.append(std::span<const float>(tensor.values));
}

}  // namespace armorm
