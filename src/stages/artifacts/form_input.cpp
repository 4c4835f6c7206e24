#include "stages/artifacts/form_input.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace armorm::stages::artifacts {
namespace {

constexpr std::array<std::string_view, 5> kUnrecorded{"conversational", "explicit_prompt", "best_of_n",
                                                      "orca_dpo", "messages"};

bool was_unrecorded(const std::string& form) {
  return std::ranges::find(kUnrecorded, form) != kUnrecorded.end();
}

// From `inputs`, where `other` has none. Inputs of a set among others have its role before their names.
void drop_unrecorded_forms(ArtifactInputs& inputs, const ArtifactInputs& other) {
  std::erase_if(inputs, [&](const auto& input) {
    const auto& [name, value] = input;
    const bool is_form = name == "form" || name.ends_with(": form");
    return is_form && !other.contains(name) && was_unrecorded(value);
  });
}

}  // namespace

bool may_be_same_form(const std::string& a, const std::string& b) {
  return a == b || (a.empty() && was_unrecorded(b)) || (b.empty() && was_unrecorded(a));
}

bool are_same(ArtifactInputs a, ArtifactInputs b) {
  drop_unrecorded_forms(a, b);
  drop_unrecorded_forms(b, a);
  return a == b;
}

}  // namespace armorm::stages::artifacts
