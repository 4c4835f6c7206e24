#include "stages/reward_model/export_weights.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <span>

#include "core/error.h"
#include "core/log.h"
#include "core/phase.h"
#include "core/version.h"
#include "io/publish.h"
#include "model/weight_names.h"
#include "model/weights_folder.h"
#include "stages/reward_model/exported_decoder.h"

namespace armorm::stages::reward_model {
namespace {

// Belongs to a reward model's head: the decoder's folder may itself be an ArmoRM.
bool is_of_a_head(const std::string& name) {
  return name.starts_with("regression_layer.") || name.starts_with("gating.") ||
         name == "reward_transform_matrix";
}

using File = model::WeightsFolder::File;

constexpr std::size_t kBlockBytes = std::size_t{16} << 20;  // written at once

bool holds_any(const File& file, const std::function<bool(const std::string&)>& wanted) {
  return std::any_of(file.names.begin(), file.names.end(), wanted);
}

class WeightsExport {
 public:
  WeightsExport(const model::ModelFolder& model, io::AtomicFolder& folder, io::FileSystem& files)
      : source_(model::WeightsFolder::open(model)),
        config_(model::ModelConfig::load_again(model.base)),
        folder_(folder),
        files_(files) {
    for (File& file : source_.files())
      if (holds_any(file, model::is_of_decoder)) shards_.push_back(std::move(file));
    if (shards_.empty())
      fail_data("{}: found no tensor model.*, expected the weights of a decoder", model.folder.string());
  }

  // False when the files cannot be used unchanged in the folder, or the file system does not support links.
  bool link_decoder() {
    if (!keeps_tensors(config_)) return false;
    for (const File& shard : shards_)
      if (!shard.as_named || holds_any(shard, is_of_a_head)) return false;
    for (const File& shard : shards_) {
      if (!folder_.link_file(shard.path, next_name())) {
        if (out_.files.empty()) return false;
        fail_io("{}: cannot be linked, as others of the model were; use --export_weights copy",
                shard.path.string());
      }
      for (const std::string& name : shard.names) add(name, source_.at(name).bytes.size());
      close_file();
    }
    out_.linked = true;
    return true;
  }

  void copy_decoder() {
    Phase phase(folder_.target().string() + ": copying the weights", total_megabytes(), "MB");
    for (const File& shard : shards_) {
      const std::vector<Copied> tensors = tensors_of(shard);
      std::vector<io::TensorSpec> specs;
      for (const Copied& tensor : tensors) specs.push_back(tensor.spec);
      io::SafetensorsWriter writer(folder_.building() / next_name(), specs, {{"format", "pt"}}, files_);
      for (const Copied& tensor : tensors) copy(tensor, writer, phase);
      writer.publish();
      close_file();
    }
  }

  void write_head(const artifacts::GateArtifact& artifact) {
    const model::pt::PtTensors tensors = artifact.head_tensors();
    std::vector<io::TensorSpec> specs;
    for (const auto& [name, tensor] : tensors) specs.push_back({name, DType::f32, tensor.shape});
    io::SafetensorsWriter writer(folder_.building() / next_name(), specs,
                                 {{"format", "pt"}, {"armorm_version", kVersion}}, files_);
    for (const auto& [name, tensor] : tensors) {
      const std::span<const float> values(tensor.values);
      writer.append(values);
      add(name, values.size_bytes());
    }
    writer.publish();
    close_file();
  }

  ExportedWeights write_index() {
    const nlohmann::ordered_json index{{"metadata", {{"total_size", total_size_}}},
                                       {"weight_map", weight_map_}};
    constexpr const char* kIndex = "model.safetensors.index.json";
    io::publish_text(folder_.building() / kIndex, index.dump(2) + "\n", files_);
    out_.files.emplace_back(kIndex);
    return out_;
  }

 private:
  struct Copied {
    std::string stored;
    io::TensorSpec spec;
    std::vector<RowRange> rows;
  };

  std::vector<Copied> tensors_of(const File& shard) const {
    std::vector<Copied> all;
    for (const std::string& name : shard.names) {
      if (!model::is_of_decoder(name)) continue;
      const io::StoredTensor tensor = source_.at(name);
      for (ExportedTensor& exported : exported_tensors(config_, name, tensor.shape.at(0))) {
        std::vector<std::int64_t> shape = tensor.shape;
        shape[0] = 0;
        for (const RowRange& range : exported.rows) shape[0] += range.count;
        all.push_back({name, {exported.name, tensor.dtype, shape}, std::move(exported.rows)});
      }
    }
    return all;
  }

  void copy(const Copied& copied, io::SafetensorsWriter& writer, Phase& phase) {
    const io::StoredTensor tensor = source_.at(copied.stored);
    const std::size_t row_bytes = tensor.bytes.size() / static_cast<std::size_t>(tensor.shape.at(0));
    std::uint64_t written = 0;
    for (const RowRange& range : copied.rows) {
      const std::span<const std::byte> rows =
          tensor.bytes.subspan(static_cast<std::size_t>(range.begin) * row_bytes,
                               static_cast<std::size_t>(range.count) * row_bytes);
      for (std::size_t at = 0; at < rows.size(); at += kBlockBytes) {
        writer.append(rows.subspan(at, std::min(kBlockBytes, rows.size() - at)));
        phase.advance_to(megabytes(total_size_ + written + at));
      }
      written += rows.size();
    }
    add(copied.spec.name, written);
  }

  static std::int64_t megabytes(std::uint64_t bytes) { return static_cast<std::int64_t>(bytes / 1'000'000); }
  std::int64_t total_megabytes() const {
    std::uint64_t bytes = 0;
    for (const File& shard : shards_)
      for (const std::string& name : shard.names)
        if (model::is_of_decoder(name)) bytes += source_.at(name).bytes.size();
    return megabytes(bytes);
  }
  std::string next_name() const {
    return fmt::format("model-{:05d}-of-{:05d}.safetensors", out_.files.size() + 1, shards_.size() + 1);
  }
  void close_file() { out_.files.push_back(next_name()); }
  void add(const std::string& name, std::uint64_t bytes) {
    weight_map_[name] = next_name();
    total_size_ += bytes;
  }

  model::WeightsFolder source_;
  model::ModelConfig config_;
  io::AtomicFolder& folder_;
  io::FileSystem& files_;
  std::vector<File> shards_;  // shards that contain tensors of the decoder
  nlohmann::json weight_map_ = nlohmann::json::object();
  std::uint64_t total_size_ = 0;
  ExportedWeights out_;
};

}  // namespace

ExportedWeights export_weights(const model::ModelFolder& model, const artifacts::GateArtifact& artifact,
                               ExportWeights how, io::AtomicFolder& folder, io::FileSystem& files) {
  WeightsExport weights(model, folder, files);
  const bool linked = how != ExportWeights::copy && weights.link_decoder();
  if (!linked && how == ExportWeights::link)
    fail_io(
        "{}: its weights cannot be linked to {}, which is on another file system or needs other tensors; use "
        "--export_weights copy",
        folder.target().string(), model.folder.string());
  if (!linked) {
    if (how == ExportWeights::auto_)
      log::info("{}: the weights are copied, as they cannot be linked", folder.target().string());
    weights.copy_decoder();
  }
  weights.write_head(artifact);
  return weights.write_index();
}

}  // namespace armorm::stages::reward_model
