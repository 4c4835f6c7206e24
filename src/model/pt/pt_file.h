// Dictionaries of tensors in PyTorch's .pt files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "io/file_system.h"

namespace armorm::model::pt {

struct PtTensor {
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};
using PtTensors = std::vector<std::pair<std::string, PtTensor>>;  // in file order

// Writes a dictionary of float32 tensors that torch.load(weights_only=True) reads. Published atomically;
// equal tensors give equal bytes.
void save_pt_file(const std::filesystem::path& path, const PtTensors& tensors,
                  io::FileSystem& files = io::posix_file_system());

// Reads the files of save_pt_file and of Python's torch.save(dict or OrderedDict of float tensors); float32,
// bfloat16, float16 and float64 are converted to float32. Our own reader interprets the pickle and knows only
// these constructs: nothing in it is ever executed, and anything else is a data error.
PtTensors load_pt_file(const std::filesystem::path& path);

// nullptr when absent
const PtTensor* find_tensor(const PtTensors& tensors, const std::string& name);

}  // namespace armorm::model::pt
