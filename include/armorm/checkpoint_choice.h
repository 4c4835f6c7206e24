// Which gate of a training run to keep.
#pragma once

#include <array>
#include <string_view>

namespace armorm {

enum class SelectCheckpoint {
  last,  // the paper: the gate after the last step
  best,  // the highest validation accuracy; on ties the lower loss, then the earlier step
};
constexpr std::array<std::string_view, 2> words_of(SelectCheckpoint) { return {"last", "best"}; }

}  // namespace armorm
