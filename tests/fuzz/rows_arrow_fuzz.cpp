// Arrow IPC, stream and file.
#include "fuzz/rows.h"

namespace armorm::fuzz {

const MemoryBound kMemoryBound{4096, 64 << 20};

void read_input(std::string_view input) { read_rows(write_scratch("x.arrow", input)); }

}  // namespace armorm::fuzz
