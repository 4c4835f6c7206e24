// The memory of this machine that a process may still use.
#pragma once

#include <cstdint>
#include <filesystem>

namespace armorm::model {

// The least of what the system and the limits of the process's control groups leave free. io error without
// /proc/meminfo.
std::int64_t free_host_memory();

// What the limit of a control group (v1 or v2) leaves free, files that can be dropped from its cache
// included; the largest integer without a limit. `folder` is the group's in the hierarchy of memory.
std::int64_t free_in_group(const std::filesystem::path& folder);

}  // namespace armorm::model
