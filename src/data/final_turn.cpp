#include "data/final_turn.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/error.h"

namespace armorm::data {
namespace {

// Other roles may be those that a chat template has for the assistant: "assistant", "model", "gpt".
constexpr std::array<std::string_view, 8> kOtherRoles{"user", "human",    "system",  "developer",
                                                      "tool", "function", "ipython", "observation"};

}  // namespace

bool ends_without_answer(const Conversation& conversation) {
  return !conversation.empty() &&
         std::find(kOtherRoles.begin(), kOtherRoles.end(), conversation.back().role) != kOtherRoles.end();
}

void check_final_answer(const Conversation& conversation) {
  if (ends_without_answer(conversation))
    fail_data("the conversation ends in a turn of '{}', expected an answer of the assistant at its end",
              conversation.back().role);
}

}  // namespace armorm::data
