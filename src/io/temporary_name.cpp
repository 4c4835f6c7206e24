#include "io/temporary_name.h"

#include <fcntl.h>
#include <fmt/core.h>
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

constexpr const char* kTemporary = ".tmp";
constexpr const char* kParked = ".old";
constexpr const char* kComplete = ".new";

// Random: on a shared file system, processes of two machines can have the same id.
fs::path name_beside(const fs::path& target, const char* ending) {
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof(random), 0) != sizeof(random))
    random = static_cast<std::uint64_t>(::getpid());
  return target.parent_path() / fmt::format("{}{:016x}{}", temporary_prefix(target), random, ending);
}

std::vector<fs::path> find_beside(const fs::path& target, const char* ending) {
  const std::string prefix = temporary_prefix(target);
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_of(target), ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.size() == prefix.size() + 20 && name.starts_with(prefix) && name.ends_with(ending))
      found.push_back(entry.path());
  }
  return found;
}

}  // namespace

fs::path temporary_beside(const fs::path& target) { return name_beside(target, kTemporary); }
fs::path parked_beside(const fs::path& target) { return name_beside(target, kParked); }
fs::path complete_beside(const fs::path& target) { return name_beside(target, kComplete); }
std::vector<fs::path> find_parked(const fs::path& target) { return find_beside(target, kParked); }
std::vector<fs::path> find_complete(const fs::path& target) { return find_beside(target, kComplete); }

void remove_abandoned(FileSystem& files, const fs::path& target, int flags,
                      const std::function<void(const fs::path&)>& remove) {
  for (const fs::path& path : find_beside(target, kTemporary)) {
    const int opened = files.open(path, flags | O_NOFOLLOW);
    if (opened < 0) continue;
    if (files.lock(opened) == 0) remove(path);
    files.close(opened);
  }
}

}  // namespace armorm::io
