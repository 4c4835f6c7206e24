// JSON Lines or one array of objects, plain, gzip or zstd.
#include "fuzz/rows.h"

namespace armorm::fuzz {

// A compressed row is bounded by LineReader::kMaxLineBytes alone; zstd keeps a window of up to 128 MB beside
// it.
const MemoryBound kMemoryBound{512, 192 << 20};

void read_input(std::string_view input) { read_rows(write_scratch("x.jsonl", input)); }

}  // namespace armorm::fuzz
