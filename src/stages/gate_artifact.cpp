#include "stages/gate_artifact.h"

#include <nlohmann/json.hpp>

#include "armorm/core/version.h"
#include "armorm/io/safetensors.h"
#include "armorm/model/pt_file.h"

namespace armorm {
namespace {

PtTensors state_dict(const GateParameters& gate) {
  PtTensors tensors{{"logit_scale", {{1}, {gate.logit_scale}}}};
  for (std::size_t i = 0; i < gate.layers.size(); ++i) {
    const GateLayer& layer = gate.layers[i];
    const std::string prefix = "layers." + std::to_string(i);
    tensors.emplace_back(prefix + ".weight", PtTensor{{layer.out, layer.in}, layer.weight});
    tensors.emplace_back(prefix + ".bias", PtTensor{{layer.out}, layer.bias});
  }
  return tensors;
}

}  // namespace

PtTensors GateArtifact::head_tensors() const {
  const auto k = static_cast<std::int64_t>(attributes.size());
  PtTensors all{{"regression_layer.weight", {{k, hidden_size}, weight}}, {"reward_transform_matrix", {{k, k}, transform}}};
  if (!bias.empty()) all.emplace_back("regression_layer.bias", PtTensor{{k}, bias});
  for (const auto& [name, tensor] : state_dict(gate)) all.emplace_back("gating." + name, tensor);
  return all;
}

void GateArtifact::save(const std::filesystem::path& stem, FileSystem& files) const {
  const PtTensors all = head_tensors();
  std::vector<TensorSpec> specs;
  for (const auto& [name, tensor] : all) specs.push_back({name, DType::f32, tensor.shape});
  SafetensorsWriter writer(stem.string() + ".safetensors", specs,
                           {{"format", "pt"},
                            {"armorm_format_version", "1"},
                            {"armorm_version", kVersion},
                            {"kind", "reward_head"},
                            {"model", model},
                            {"model_family", model_family},
                            {"attributes", nlohmann::json(attributes).dump()},
                            {"gating_temperature", nlohmann::json(temperature).dump()},
                            {"gating_n_hidden", std::to_string(gate.layers.size() - 1)},
                            {"gating_hidden_dim", std::to_string(gate.layers.front().out)},
                            {"compat", compat}}, files);
  for (const auto& [name, tensor] : all) writer.append(std::span<const float>(tensor.values));
  writer.publish();
  save_pt_file(stem.string() + ".pt", state_dict(gate), files);
}

}  // namespace armorm
