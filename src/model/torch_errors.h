// Translates LibTorch's exceptions for programs that do not include LibTorch.
#pragma once

#include <functional>

namespace armorm::model {

// Runs `body`. An exception of LibTorch becomes an internal error of one line, without the stack trace that
// its what() contains; for lack of memory, the message says what to do.
void translate_torch_errors(const std::function<void()>& body);

}  // namespace armorm::model
