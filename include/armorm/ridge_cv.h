// How the strength of a ridge regression is chosen.
#pragma once

#include <array>
#include <string_view>

namespace armorm {

enum class RidgeCv {
  holdout,  // lowest mean squared error on the validation rows
  kfold,    // on the training rows: each fold (row group) is predicted from the others, errors are pooled
  loo,      // on the training rows: exact leave-one-out from the decomposition; needs a pass over the rows
};
constexpr std::array<std::string_view, 3> words_of(RidgeCv) { return {"holdout", "kfold", "loo"}; }

}  // namespace armorm
