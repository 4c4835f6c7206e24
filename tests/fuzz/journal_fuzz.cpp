// The journal of a resumable run. After 'c' each line gets the checksum that the reader expects, so that the
// code behind the checksum is reached.
#include <fmt/core.h>

#include <algorithm>

#include "core/error.h"
#include "core/hash.h"
#include "fuzz/driver.h"
#include "stages/resume/journal.h"

namespace armorm::fuzz {
namespace {

std::string with_checksums(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    out += fmt::format("{:08x} {}\n", crc32(line), line);
  }
  return out;
}

}  // namespace

const MemoryBound kMemoryBound{320, 512 << 10};

void read_input(std::string_view input) {
  if (input.empty()) return;
  const bool checksummed = input[0] == 'c';
  const std::string text = checksummed ? with_checksums(input.substr(1)) : std::string(input);
  const auto content = stages::resume::read_journal(write_scratch("x.journal", text));
  if (!content) return;
  require(content->chunks.size() == content->ends.size(), "chunks and their ends disagree");
  std::uint64_t last = content->key_end;
  for (const std::uint64_t end : content->ends) {
    require(end > last && end <= text.size() && text[end - 1] == '\n', "a chunk does not end with its line");
    last = end;
  }
}

}  // namespace armorm::fuzz
