// The vocabulary of the demo: topics of prompts, and the words by which an answer shows its qualities.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace armorm::demo {

// A quality of an answer, from -2 to 2. The text shows it; the attributes of the data set are mixtures of
// several traits.
enum class Trait {
  helpful,
  correct,
  coherent,
  complex,
  instructed,
  truthful,
  safe,
  polished,
  code_works,
  code_style,
  code_explained,
  verbose,
};
inline constexpr std::size_t kTraits = 12;
using Traits = std::array<int, kTraits>;
inline std::size_t index(Trait trait) { return static_cast<std::size_t>(trait); }
inline bool is_code_trait(Trait trait) {
  return trait == Trait::code_works || trait == Trait::code_style || trait == Trait::code_explained;
}

// Adjectives of an answer that has the trait, and of one that lacks it. Trait::verbose has none: filler
// sentences show it.
const std::vector<std::string>& adjectives(Trait trait, bool positive);

enum class PromptKind { chat, hard, harmful, borderline, code, maths };
inline constexpr std::array kPromptKinds = {PromptKind::chat,       PromptKind::hard, PromptKind::harmful,
                                            PromptKind::borderline, PromptKind::code, PromptKind::maths};
const char* name(PromptKind kind);
const std::vector<std::string>& topics(PromptKind kind);  // nouns that prompt and answer share
const std::vector<std::string>& requests(
    PromptKind kind);  // sentences; {} is a topic, % a programming language

const std::vector<std::string>& openers();    // first words of an answer's sentences
const std::vector<std::string>& fillers();    // sentences without content
const std::vector<std::string>& languages();  // cpp, go, java, js, python, rust

}  // namespace armorm::demo
