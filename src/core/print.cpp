#include "core/print.h"

#include <iostream>

#include "core/strings.h"

namespace armorm {

void print(std::string_view text) { std::cout << escape_controls(text, "\n\t"); }

}  // namespace armorm
