// A tensor of a weight file of any format.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "io/safetensors.h"

namespace armorm::io {

struct StoredTensor : TensorView {
  std::shared_ptr<const std::vector<std::byte>> owned;  // of `bytes`; null: they are of the mapped file
};

}  // namespace armorm::io
