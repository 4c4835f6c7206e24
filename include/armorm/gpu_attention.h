// The kernels of attention on a GPU.
#pragma once

#include <array>
#include <string_view>

namespace armorm {

// They round alike and add in another order, so that last bits differ between them.
//   automatic  cuDNN's in bf16 and fp8, on devices of compute capability 9.0 and above, without
//              batch_invariant, for the shapes for which it has plans;
//              otherwise as flash
//   flash      LibTorch's FlashAttention, and its plain operations where
//              that does not apply: fp32, soft caps
enum class GpuAttention { automatic, flash };
constexpr std::array<std::string_view, 2> words_of(GpuAttention) { return {"auto", "flash"}; }

}  // namespace armorm
