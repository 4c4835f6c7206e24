// The time of each kernel at the shapes of a Llama of 8 billion parameters, compared with a copy.
#pragma once

#include "device_array.h"

namespace armorm::bench {

// Prints a table in Markdown.
void print_times(Random& random);

}  // namespace armorm::bench
