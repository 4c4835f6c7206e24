// The subset of pickle that holds a dictionary of tensors, read without executing anything.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace armorm::model::pt {

// A tensor as described in the pickle; its bytes are in the archive's record data/<key>.
struct PickledTensor {
  std::string storage_type;  // "FloatStorage", "BFloat16Storage", ...
  std::string key;
  std::int64_t storage_size = 0;    // elements
  std::int64_t storage_offset = 0;  // elements
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> stride;
};

// data error naming `origin` for any opcode, global or structure outside the subset.
std::vector<std::pair<std::string, PickledTensor>> read_pickled_tensors(std::string_view pickle,
                                                                        const std::string& origin);

}  // namespace armorm::model::pt
