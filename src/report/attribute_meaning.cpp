#include "report/attribute_meaning.h"

#include <algorithm>
#include <array>

#include "report/html_page.h"

namespace armorm::report {
namespace {

constexpr std::string_view kZeroToFour = "(rating + 0.5) / 5: 0.1 to 0.9";
constexpr std::string_view kOneToFive = "(rating - 0.5) / 5: 0.1 to 0.9";
constexpr std::string_view kOneToTen = "(rating - 0.5) / 10: 0.05 to 0.95";

// The scales are those of the forms of ratings (docs/data-forms.md).
constexpr std::array<AttributeMeaning, 19> kMeanings{{
    {"helpsteer-helpfulness", "HelpSteer: overall helpfulness of the answer to the prompt", "0 to 4",
     kZeroToFour},
    {"helpsteer-correctness", "HelpSteer: includes all pertinent facts, without errors", "0 to 4",
     kZeroToFour},
    {"helpsteer-coherence", "HelpSteer: consistency and clarity of expression", "0 to 4", kZeroToFour},
    {"helpsteer-complexity",
     "HelpSteer: intellectual depth that writing the answer takes, from basic language to expertise; not how "
     "good it is",
     "0 to 4", kZeroToFour},
    {"helpsteer-verbosity",
     "HelpSteer: amount of detail relative to what the prompt asks for; more is not better", "0 to 4",
     kZeroToFour},
    {"ultrafeedback-overall_score", "UltraFeedback: GPT-4's overall score of the answer", "1 to 10",
     kOneToTen},
    {"ultrafeedback-instruction_following", "UltraFeedback: follows the instruction's goal and restrictions",
     "1 to 5", kOneToFive},
    {"ultrafeedback-truthfulness", "UltraFeedback: free of hallucinations and contradictions", "1 to 5",
     kOneToFive},
    {"ultrafeedback-honesty",
     "UltraFeedback: expresses as much confidence as the answer's correctness warrants", "1 to 5",
     kOneToFive},
    {"ultrafeedback-helpfulness", "UltraFeedback: informativeness of the answer", "1 to 5", kOneToFive},
    {"beavertails-is_safe", "BeaverTails: the answer is safe (1) or harmful (0)", "0 or 1", "0 to 1"},
    {"prometheus-score", "Prometheus: GPT-4's grade by a rubric that was written for the instruction",
     "1 to 5", kOneToFive},
    {"argilla-overall_quality", "Argilla Capybara: overall quality of the last answer of a dialogue",
     "1 to 5", kOneToFive},
    {"argilla-judge_lm", "Argilla OpenOrca: JudgeLM's rating of the answer", "1 to 10", kOneToTen},
    {"code-complexity", "CodeUltraFeedback: complexity and efficiency of the solution", "1 to 5", kOneToFive},
    {"code-style", "CodeUltraFeedback: coding style", "1 to 5", kOneToFive},
    {"code-explanation", "CodeUltraFeedback: quality of the code's explanation", "1 to 5", kOneToFive},
    {"code-instruction-following", "CodeUltraFeedback: the code follows the instruction", "1 to 5",
     kOneToFive},
    {"code-readability", "CodeUltraFeedback: readability of the code", "1 to 5", kOneToFive},
}};

}  // namespace

const AttributeMeaning* meaning_of(std::string_view attribute) {
  const auto* const found = std::ranges::find(kMeanings, attribute, &AttributeMeaning::name);
  return found == kMeanings.end() ? nullptr : &*found;
}

std::string meanings_table(const std::vector<std::string>& attributes) {
  if (std::ranges::none_of(attributes, [](const std::string& name) { return meaning_of(name) != nullptr; }))
    return "";
  html::Table table("meanings", "What the attributes measure",
                    {"attribute", {"meaning", true}, {"rating in the data", true}, {"label", true}});
  for (const std::string& name : attributes) {
    const AttributeMeaning* const found = meaning_of(name);
    const AttributeMeaning shown = found == nullptr ? AttributeMeaning{name, "", "", ""} : *found;
    const auto narrow = [](std::string_view text) {
      return html::Cell{html::escaped(text), " class=\"text narrow\""};
    };
    table.add({html::escaped(name),
               {html::escaped(shown.meaning), " class=\"text sentence\""},
               narrow(shown.rating),
               narrow(shown.label)});
  }
  return table.wrap_text().str() +
         html::paragraph(
             "A reward estimates the label. A regression is not bounded: rewards may lie outside its range. "
             "Debiased rewards have a part of the verbosity reward subtracted. The scales of the labels are "
             "verified for HelpSteer and BeaverTails only.",
             "quiet");
}

}  // namespace armorm::report
