// Closed standard descriptors (`2>&-`, some daemons).
#pragma once

namespace armorm {

// Opens /dev/null in place of each of the descriptors 0, 1 and 2 that is closed, so that no file gets its
// number and with it log lines or results as content. Standard input and output are opened the wrong way
// round: using them remains an error, instead of an empty input or lost results. Call before any file is
// opened.
void open_standard_descriptors();

}  // namespace armorm
