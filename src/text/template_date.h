// The clock of chat templates.
#pragma once

namespace armorm {

// What a chat template that reads the clock gets unless another day is chosen: the date that Llama 3.2's
// falls back to where there is no clock.
constexpr const char* kTemplateDate = "2024-07-26";

}  // namespace armorm
