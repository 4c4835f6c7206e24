// Model families, which say where a prompt ends. auto_: where the model's own chat template ends it.
#pragma once

#include <array>
#include <string_view>

namespace armorm {

enum class ModelFamily { auto_, llama3, gemma2 };
constexpr std::array<std::string_view, 3> words_of(ModelFamily) { return {"auto", "llama3", "gemma2"}; }

}  // namespace armorm
