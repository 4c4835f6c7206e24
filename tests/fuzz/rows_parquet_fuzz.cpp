#include "fuzz/rows.h"

namespace armorm::fuzz {

const MemoryBound kMemoryBound{4096, 64 << 20};

void read_input(std::string_view input) { read_rows(write_scratch("x.parquet", input)); }

}  // namespace armorm::fuzz
