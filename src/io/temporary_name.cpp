#include "io/temporary_name.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "io/writable_file.h"

namespace armorm::io {
namespace fs = std::filesystem;
namespace {

std::string temporary_prefix(const fs::path& target) { return "." + target.filename().string() + "."; }

bool is_temporary_of(const fs::path& target, const fs::path& file) {
  const std::string name = file.filename().string();
  const std::string prefix = temporary_prefix(target);
  return name.size() == prefix.size() + 20 && name.starts_with(prefix) && name.ends_with(".tmp");
}

}  // namespace

// Random, because two machines that share a file system can have processes of one id.
fs::path temporary_beside(const fs::path& target) {
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof(random), 0) != sizeof(random))
    random = static_cast<std::uint64_t>(::getpid());
  return target.parent_path() / fmt::format("{}{:016x}.tmp", temporary_prefix(target), random);
}

void remove_abandoned(FileSystem& files, const fs::path& target, int flags,
                      const std::function<void(const fs::path&)>& remove) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_of(target), ignored))
    if (is_temporary_of(target, entry.path())) found.push_back(entry.path());
  for (const fs::path& path : found) {
    const int opened = files.open(path, flags | O_NOFOLLOW);
    if (opened < 0) continue;
    if (files.lock(opened) == 0) remove(path);
    files.close(opened);
  }
}

}  // namespace armorm::io
