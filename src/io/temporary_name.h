// Names beside a target: ".<target>.<16 hex digits>.tmp" of what is not published yet, and ".old" in place of
// ".tmp" of what was, while it makes room for the next.
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "io/file_system.h"

namespace armorm::io {

// A new one each time.
std::filesystem::path temporary_beside(const std::filesystem::path& target);
std::filesystem::path parked_beside(const std::filesystem::path& target);

std::vector<std::filesystem::path> find_parked(const std::filesystem::path& target);

// Removes, by `remove`, the temporaries of killed processes that published to `target`: the living hold a
// lock on theirs. What cannot be opened with `flags` or removed is left; it does no harm.
void remove_abandoned(FileSystem& files, const std::filesystem::path& target, int flags,
                      const std::function<void(const std::filesystem::path&)>& remove);

}  // namespace armorm::io
