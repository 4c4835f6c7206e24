// Whether a snapshot of the Hub cache is complete. The cache does not record that: other programs download
// file by file, and links appear one by one. <repo>/.armorm/<commit> lists the files that were there after a
// complete download; it is written last. Other programs ignore it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace armorm::hub {

// .../models--org--name/snapshots/<commit>, or datasets--...
bool is_hub_snapshot(const std::filesystem::path& folder);

// True when all files listed by mark_whole() still exist.
bool is_marked_whole(const std::filesystem::path& snapshot);
// Does nothing where the cache is not writable; the Hub is asked again the next time.
void mark_whole(const std::filesystem::path& snapshot, const std::vector<std::string>& names);

// "hf download org/name --repo-type dataset --revision <commit>"
std::string download_command(const std::filesystem::path& snapshot);

}  // namespace armorm::hub
