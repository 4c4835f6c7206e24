// The `model_type`s of which a small model runs through the complete chain, up to its export in transformers:
// tests/e2e/families_test.cpp. docs/backbones.md calls them "whole chain".
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace armorm::test {

inline constexpr std::array<std::string_view, 9> kChainFamilies{
    "llama", "gemma2", "gemma3_text", "gemma3", "mistral", "qwen2", "qwen3", "phi3", "internlm2"};

inline bool runs_through_chain(std::string_view model_type) {
  return std::find(kChainFamilies.begin(), kChainFamilies.end(), model_type) != kChainFamilies.end();
}

}  // namespace armorm::test
