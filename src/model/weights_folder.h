// The tensors of a model folder, whatever its files and the program that wrote their names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/file_watch.h"
#include "model/adapter.h"
#include "model/model_folder.h"
#include "model/weight_files.h"

namespace armorm::model {

class WeightsFolder {
 public:
  // The base model's weights, with the adapter of `folder` merged if it holds one. data error that names both
  // of two tensors with the same canonical name, and tensors of an adapter among the base model's.
  static WeightsFolder open(const ModelFolder& folder);

  const std::filesystem::path& folder() const noexcept { return folder_.folder; }
  // Names are canonical (weight_names.h).
  std::vector<std::string> names() const;
  bool contains(const std::string& name) const;
  io::StoredTensor at(const std::string& name) const;  // data error naming folder and tensor when absent
  // The bytes of at() in the mapped file; empty where they are computed.
  std::span<const std::byte> mapped_bytes(const std::string& name) const;
  // Of the base model's tensor, whatever an adapter makes of it; 0 or empty when absent, and empty where it
  // is no part of a mapped file.
  std::uint64_t stored_bytes(const std::string& name) const;
  std::span<const std::byte> mapped_base(const std::string& name) const;
  std::vector<std::string> names_of_layer(std::size_t layer) const;  // of the decoder, in no order
  bool has_adapter() const noexcept { return adapter_.has_value(); }
  // Modules that the adapter should change and does not.
  void warn_of_unchanged() const;
  std::string stored_name(const std::string& name) const;        // as in its file; `name` when absent
  std::filesystem::path file_of(const std::string& name) const;  // the folder when absent

  struct File {
    std::filesystem::path path;
    std::vector<std::string> names;
    bool as_named = true;  // safetensors that hold the tensors as at() returns them, under these names
  };
  std::vector<File> files() const;
  // Of config.json and all files with weights, the adapter's included.
  io::FileWatch watch() const;

  // All that the tensors depend on, as stored, for a fingerprint; in no order.
  struct Piece {
    std::string name;
    io::StoredTensor tensor;
  };
  std::vector<Piece> pieces() const;

 private:
  WeightsFolder(ModelFolder folder, WeightFiles files, std::optional<Adapter> adapter);
  bool of_adapter(const std::string& name) const { return adapter_ && adapter_->changes(name); }
  ModelFolder folder_;
  WeightFiles files_;
  std::optional<Adapter> adapter_;
  std::map<std::string, std::string> stored_;  // canonical -> stored name
};

}  // namespace armorm::model
