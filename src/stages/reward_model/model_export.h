// Exports a trained reward model as a folder that Python loads like the released ArmoRM, and that `score`
// reads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "armorm/model_family.h"
#include "io/file_system.h"
#include "io/publish_folder.h"
#include "io/safetensors.h"
#include "model/model_folder.h"
#include "report/gate_report.h"
#include "report/ridge_report.h"
#include "stages/artifacts/artifact_inputs.h"
#include "stages/artifacts/gate_artifact.h"
#include "stages/artifacts/provenance.h"
#include "stages/reward_model/export_weights.h"
#include "stages/reward_model/reward_model.h"

namespace armorm::stages::reward_model {

// The report of stage1-train, for the model card.
struct RegressionReport {
  std::filesystem::path path;  // left out of the card if absent
  std::string sha256;          // recorded with the weights; empty = not recorded
};

class ModelExport {
 public:
  // Checks everything that could fail before anything is trained. `target` must not exist, be empty, or hold
  // only an earlier export, which is replaced; else a usage error. `embeddings`, if known, must have been
  // made with the config, tokenizer, template and weights of the model in `model_path`; else a data error.
  // `stop_requested` ends a download. data error for a `regression_report` with another digest.
  ModelExport(std::filesystem::path target, const std::string& model_path, ExportWeights weights,
              const std::optional<artifacts::Provenance>& embeddings,
              const RegressionReport& regression_report, io::FileSystem& files,
              const std::function<bool()>& stop_requested = {});

  // data error if the model is not of this width, which the embeddings and the head have.
  void check_hidden_size(std::int64_t hidden_size) const;
  // usage error if the embeddings' gating pattern is not the family's; data error if the chat template has
  // none and the embeddings do not record it.
  void check_family(ModelFamily family) const;
  // data error if the earlier export was made from other inputs, or does not say from which.
  void check_replaceable(const artifacts::ArtifactInputs& inputs) const;

  // Writes <target>: config.json, safetensors with an index (head in the last shard), the tokenizer's files,
  // modeling_armorm.py, README.md (from `report`) and armorm_export.json, which lists the files, their
  // digests (export_digests.h) and their origin. The folder appears when it is complete. data error when the
  // model was changed since the constructor read it.
  void write(const artifacts::GateArtifact& artifact, const report::GateReport& report) const;

 private:
  artifacts::ArtifactInputs model_inputs() const;
  artifacts::ArtifactInputs with_model(artifacts::ArtifactInputs inputs) const;
  void check_unchanged() const;
  std::vector<std::int32_t> pattern_of(ModelFamily family) const;
  std::filesystem::path target_;
  std::string model_path_;
  model::ModelFolder model_;
  ExportWeights weights_;
  report::RidgeReport regression_;
  io::FileSystem& files_;
  artifacts::ModelFacts facts_;
  std::vector<std::int32_t> pattern_;  // of the embeddings; empty = not recorded
  TrainedKernels kernels_;
  artifacts::ArtifactInputs model_inputs_;  // as the constructor found them
};

}  // namespace armorm::stages::reward_model
