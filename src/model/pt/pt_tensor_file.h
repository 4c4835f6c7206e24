// The tensors of a pytorch_model.bin, as views of the mapped file: memory does not grow with its size.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "io/stored_tensor.h"

namespace armorm::model::pt {

class PtTensorFile {
 public:
  // Reads the same subset as load_pt_file: a dictionary of tensors by name, uncompressed, little-endian.
  // Nothing in it is executed; anything else is a data error.
  static PtTensorFile open(const std::filesystem::path& path);

  const std::filesystem::path& path() const noexcept;
  std::vector<std::string> names() const;  // in file order
  bool contains(const std::string& name) const;
  // A copy of a tensor whose elements do not lie one after the other; else a view. The first call for a
  // storage checks its checksum. data error that names file and tensor when absent, when it does not fit its
  // storage, or for an element type that safetensors does not know.
  io::StoredTensor at(const std::string& name) const;

  PtTensorFile(PtTensorFile&&) noexcept;
  PtTensorFile& operator=(PtTensorFile&&) noexcept;
  ~PtTensorFile();

 private:
  struct Impl;
  explicit PtTensorFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace armorm::model::pt
