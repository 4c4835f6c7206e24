// The weight files of a folder under the names that they give their tensors.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/stored_tensor.h"
#include "model/pt/pt_tensor_file.h"

namespace armorm::model {

class WeightFiles {
 public:
  // In transformers' order: model.safetensors, its shards by model.safetensors.index.json, pytorch_model.bin,
  // its shards by pytorch_model.bin.index.json. io error when the folder has none of them.
  static WeightFiles open(const std::filesystem::path& folder);
  // adapter_model.safetensors, else adapter_model.bin; io error when the folder has neither.
  static WeightFiles open_adapter(const std::filesystem::path& folder);

  struct File {
    std::filesystem::path path;
    std::vector<std::string> names;  // in file order
    bool safetensors = true;
  };
  const std::vector<File>& files() const noexcept { return files_; }
  const File& file_of(const std::string& name) const { return files_[file_of_.at(name)]; }
  io::StoredTensor at(const std::string& name) const;  // of a name of files()

 private:
  explicit WeightFiles(io::SafetensorsFolder files);
  explicit WeightFiles(std::vector<pt::PtTensorFile> files);
  void add(File file);

  std::optional<io::SafetensorsFolder> safetensors_;  // or
  std::vector<pt::PtTensorFile> pt_;
  std::vector<File> files_;
  std::map<std::string, std::size_t> file_of_;
};

}  // namespace armorm::model
