// JSON Lines or one array of objects, plain, gzip or zstd.
#include "fuzz/rows.h"

namespace armorm::fuzz {

// Only LineReader::kMaxLineBytes limits a compressed row; in addition zstd keeps a window of up to 128 MB.
const MemoryBound kMemoryBound{512, 192 << 20};

void read_input(std::string_view input) { read_rows(write_scratch("x.jsonl", input)); }

}  // namespace armorm::fuzz
