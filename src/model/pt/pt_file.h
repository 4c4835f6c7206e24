// PyTorch's .pt files, as far as dictionaries of tensors go.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "io/file_system.h"

namespace armorm {

struct PtTensor {
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};
using PtTensors = std::vector<std::pair<std::string, PtTensor>>;  // in the file's order

// A dictionary of float32 tensors that torch.load(weights_only=True) reads. Published atomically; the same
// tensors give the same bytes.
void save_pt_file(const std::filesystem::path& path, const PtTensors& tensors,
                  FileSystem& files = posix_file_system());

// Reads what save_pt_file and Python's torch.save(dict or OrderedDict of float tensors) write; float32,
// bfloat16, float16 and float64 come out as float32. The pickle is interpreted by a reader of our own that
// knows these constructs only: nothing in it is ever executed, and anything else is a data error.
PtTensors load_pt_file(const std::filesystem::path& path);

// nullptr when absent
const PtTensor* find_tensor(const PtTensors& tensors, const std::string& name);

}  // namespace armorm
