#pragma once

namespace armorm::model {

enum class Activation { silu, gelu_tanh };

}  // namespace armorm::model
