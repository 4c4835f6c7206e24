// Model families with a known end of the prompt.
#pragma once

#include <array>
#include <string_view>

namespace armorm {

enum class ModelFamily { llama3, gemma2 };
constexpr std::array<std::string_view, 2> words_of(ModelFamily) { return {"llama3", "gemma2"}; }

}  // namespace armorm
