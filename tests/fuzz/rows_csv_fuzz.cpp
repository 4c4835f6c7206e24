// CSV and TSV, plain, gzip or zstd; the first byte chooses the separator.
#include "fuzz/rows.h"

namespace armorm::fuzz {

const MemoryBound kMemoryBound{512, 192 << 20};

void read_input(std::string_view input) {
  if (input.empty()) return;
  read_rows(write_scratch(input[0] == 't' ? "x.tsv" : "x.csv", input.substr(1)));
}

}  // namespace armorm::fuzz
