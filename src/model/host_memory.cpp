#include "model/host_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <string>

#include "core/error.h"

namespace armorm::model {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max();

std::int64_t available_memory() {
  std::ifstream info("/proc/meminfo");
  std::string field;
  std::int64_t kibibytes = 0;
  std::string unit;
  while (info >> field >> kibibytes) {
    if (field == "MemAvailable:") return kibibytes * 1024;
    std::getline(info, unit);
  }
  fail_io("/proc/meminfo: found no MemAvailable, expected the free memory of this machine");
}

// "max" is no number.
std::optional<std::int64_t> number_in(const fs::path& file) {
  std::ifstream in(file);
  std::int64_t value = 0;
  return in >> value ? std::optional(value) : std::nullopt;
}

std::int64_t droppable_in(const fs::path& folder, const std::string& wanted) {
  std::ifstream stat(folder / "memory.stat");
  std::string field;
  std::int64_t value = 0;
  while (stat >> field >> value)
    if (field == wanted) return value;
  return 0;
}

std::int64_t free_below(const fs::path& root, const fs::path& group) {
  std::int64_t least = free_in_group(root);
  fs::path folder = root;
  for (const fs::path& name : group.relative_path())
    if (!name.empty()) least = std::min(least, free_in_group(folder /= name));
  return least;
}

}  // namespace

std::int64_t free_in_group(const fs::path& folder) {
  const bool second = fs::exists(folder / "memory.max");
  const auto limit = number_in(folder / (second ? "memory.max" : "memory.limit_in_bytes"));
  const auto used = number_in(folder / (second ? "memory.current" : "memory.usage_in_bytes"));
  if (!limit || !used) return kUnlimited;
  // A limit of v1 that is not set is close to 2^63.
  const std::int64_t droppable = droppable_in(folder, second ? "inactive_file" : "total_inactive_file");
  return std::max<std::int64_t>(*limit - std::max<std::int64_t>(*used - droppable, 0), 0);
}

std::int64_t free_host_memory() {
  std::int64_t least = available_memory();
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const fs::path group = line.substr(second + 1);
    if (controllers.empty()) least = std::min(least, free_below("/sys/fs/cgroup", group));
    if (controllers == "memory") least = std::min(least, free_below("/sys/fs/cgroup/memory", group));
  }
  return least;
}

}  // namespace armorm::model
