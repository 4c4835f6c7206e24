// The arithmetic of a backbone.
#pragma once

#include <array>
#include <string_view>

namespace armorm {

// fp8: bfloat16, but the layers' products multiply e4m3 values with one scale for each row of activations and
// each output channel, quantised at load; deviation_from_bf16() measures what that costs. Elsewhere than on
// GPUs of compute capability 8.9 and above it is as accurate, but slow.
enum class Precision { bf16, fp32, fp8 };
constexpr std::array<std::string_view, 3> words_of(Precision) { return {"bf16", "fp32", "fp8"}; }

}  // namespace armorm
