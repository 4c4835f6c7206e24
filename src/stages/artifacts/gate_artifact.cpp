#include "stages/artifacts/gate_artifact.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/version.h"
#include "io/content_digests.h"
#include "stages/artifacts/gate_tensors.h"

namespace armorm::stages::artifacts {

GateArtifact GateArtifact::as_reward() const {
  if (!(gate.logit_scale > 0.0F))
    fail_data(
        "the gate of {}: found a trained Bradley-Terry scale of {:g}, expected one above 0, as it does not "
        "prefer the chosen answers; train again with another `logit_scale` or learning rate, or choose "
        "`export_scale` trained",
        model, gate.logit_scale);
  GateArtifact reward = *this;
  reward.bradley_terry_scale = gate.logit_scale;
  reward.gate.logit_scale = 1.0F;
  return reward;
}

model::pt::PtTensors GateArtifact::head_tensors() const {
  const auto k = static_cast<std::int64_t>(attributes.size());
  model::pt::PtTensors all{{"regression_layer.weight", {{k, hidden_size}, weight}},
                           {"reward_transform_matrix", {{k, k}, transform}}};
  if (!bias.empty()) all.emplace_back("regression_layer.bias", model::pt::PtTensor{{k}, bias});
  const model::pt::PtTensors gating = gate_tensors(gate, "gating.");
  all.insert(all.end(), gating.begin(), gating.end());
  return all;
}

void GateArtifact::save(const std::filesystem::path& stem, io::FileSystem& files) const {
  const model::pt::PtTensors all = head_tensors();
  const std::vector<io::TensorSpec> specs = specs_of(all);
  const io::Metadata metadata{{"format", "pt"},
                              {"armorm_format_version", "1"},
                              {"armorm_version", kVersion},
                              {"kind", "reward_head"},
                              {"model", model},
                              {"model_family", model_family},
                              {"attributes", nlohmann::json(attributes).dump()},
                              {"gating_temperature", nlohmann::json(temperature).dump()},
                              {"gating_n_hidden", std::to_string(gate.layers.size() - 1)},
                              {"gating_hidden_dim", std::to_string(gate.layers.front().out)},
                              {"compat", compat},
                              {"making_facts", making},
                              {kInputsField, text_of(inputs)}};
  io::SafetensorsWriter writer(stem.string() + ".safetensors", specs,
                               io::with_reserved_digests(metadata, specs), files);
  append_all(writer, all);
  writer.publish();
  model::pt::save_pt_file(stem.string() + ".pt", gate_tensors(gate), files);
}

}  // namespace armorm::stages::artifacts
