#include "data/attributes.h"

#include <fmt/core.h>

namespace armorm {

const std::vector<std::string>& default_attributes() {
  static const std::vector<std::string> names{"helpsteer-helpfulness",
                                              "helpsteer-correctness",
                                              "helpsteer-coherence",
                                              "helpsteer-complexity",
                                              "helpsteer-verbosity",
                                              "ultrafeedback-overall_score",
                                              "ultrafeedback-instruction_following",
                                              "ultrafeedback-truthfulness",
                                              "ultrafeedback-honesty",
                                              "ultrafeedback-helpfulness",
                                              "beavertails-is_safe",
                                              "prometheus-score",
                                              "argilla-overall_quality",
                                              "argilla-judge_lm",
                                              "code-complexity",
                                              "code-style",
                                              "code-explanation",
                                              "code-instruction-following",
                                              "code-readability"};
  return names;
}

}  // namespace armorm

namespace armorm::data {

std::vector<std::string> attribute_names_or_default(std::vector<std::string> known, std::int64_t k) {
  const bool published = k == std::ssize(default_attributes());
  for (std::int64_t i = std::ssize(known); i < k; ++i)
    known.push_back(published ? default_attributes()[static_cast<std::size_t>(i)]
                              : fmt::format("attribute-{}", i));
  return known;
}

}  // namespace armorm::data
