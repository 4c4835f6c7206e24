// LibTorch's exceptions, for programs that know nothing of LibTorch.
#pragma once

#include <functional>

namespace armorm {

// Runs `body`. What LibTorch throws in it becomes an internal error of one line, without the stack trace that
// is part of its what(); a lack of memory says what to do about it.
void translate_torch_errors(const std::function<void()>& body);

}  // namespace armorm
