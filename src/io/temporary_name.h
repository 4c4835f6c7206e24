// Names next to a target: ".<target>.<16 hex digits>.tmp" for something not yet published, ".<target>.<16 hex
// digits>.old" for the previous version during its replacement, ".<target>.<16 hex digits>.new" for the
// complete next version while the previous one is removed.
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "io/file_system.h"

namespace armorm::io {

// A new name each time.
std::filesystem::path temporary_beside(const std::filesystem::path& target);
std::filesystem::path parked_beside(const std::filesystem::path& target);
std::filesystem::path complete_beside(const std::filesystem::path& target);

std::vector<std::filesystem::path> find_parked(const std::filesystem::path& target);
std::vector<std::filesystem::path> find_complete(const std::filesystem::path& target);

// Removes, by `remove`, the temporaries of killed processes that published to `target`; live processes hold a
// lock on theirs. A temporary that cannot be opened with `flags` or removed is left; it does no harm.
void remove_abandoned(FileSystem& files, const std::filesystem::path& target, int flags,
                      const std::function<void(const std::filesystem::path&)>& remove);

}  // namespace armorm::io
