#include "io/read_file.h"

#include <unistd.h>

#include <algorithm>

#include "core/error.h"
#include "io/open_regular.h"
#include "io/system_call.h"

namespace armorm::io {

std::string read_text_file(const std::filesystem::path& path, std::size_t limit) {
  const Descriptor file = open_regular(path);
  // Reads to the end of the file: st_size is 0 in /proc.
  constexpr std::size_t kBlock = std::size_t{1} << 16;
  std::string text;
  for (;;) {
    const std::size_t size = text.size();
    text.resize(size + std::max(kBlock, size / 2));
    const ssize_t count = retry([&] { return ::read(file.get(), text.data() + size, text.size() - size); });
    if (count < 0) fail_io("{}: cannot be read: {}", path.string(), reason(errno));
    text.resize(size + static_cast<std::size_t>(count));
    if (text.size() > limit) fail_data("{}: larger than the {} bytes allowed here", path.string(), limit);
    if (count == 0) return text;
  }
}

}  // namespace armorm::io
