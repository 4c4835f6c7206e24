// The forms in which data sets hold conversations, pairs and ratings; docs/data-forms.md describes each.
#pragma once

#include <array>
#include <string_view>

namespace armorm {

// Forms of preference sets. The table in src/data/forms.cpp has them in the same order.
enum class PairForm {
  auto_,  // recognised by columns and types
  conversational,
  explicit_prompt,
  implicit_prompt,
  best_of_n,
  several_rejected,
  orca_dpo,
  hh_rlhf,
  pku_saferlhf,
  helpsteer2,
  helpsteer3,
  shp,
  nectar,
  mt_bench,
  summarize_from_feedback,
  ultrafeedback,
  code_ultrafeedback,
  prometheus2,
};
constexpr std::array<std::string_view, 18> words_of(PairForm) {
  return {"auto",
          "conversational",
          "explicit_prompt",
          "implicit_prompt",
          "best_of_n",
          "several_rejected",
          "orca_dpo",
          "hh_rlhf",
          "pku_saferlhf",
          "helpsteer2",
          "helpsteer3",
          "shp",
          "nectar",
          "mt_bench",
          "summarize_from_feedback",
          "ultrafeedback",
          "code_ultrafeedback",
          "prometheus2"};
}

// Forms of multi-objective sets, likewise.
enum class RatingForm {
  auto_,
  messages,
  prompt_response,
  helpsteer,
  ultrafeedback,
  beavertails,
  code_ultrafeedback,
  prometheus,
  argilla_capybara,
  argilla_math,
  argilla_openorca,
};
constexpr std::array<std::string_view, 11> words_of(RatingForm) {
  return {"auto",
          "messages",
          "prompt_response",
          "helpsteer",
          "ultrafeedback",
          "beavertails",
          "code_ultrafeedback",
          "prometheus",
          "argilla_capybara",
          "argilla_math",
          "argilla_openorca"};
}

// The pairs of a row with several ranked answers.
enum class RankedPairs {
  all,   // each two answers of different rank
  best,  // the best against each worse one
};
constexpr std::array<std::string_view, 2> words_of(RankedPairs) { return {"all", "best"}; }

}  // namespace armorm
