// Whether a snapshot of the Hub cache is whole. The cache itself does not say: other programs fetch file by
// file, and links appear one by one. <repo>/.armorm/<commit> lists what was there when we had fetched all
// that we read; it is made last. Other programs pass over it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace armorm::data {

// .../models--org--name/snapshots/<commit>, or datasets--...
bool is_hub_snapshot(const std::filesystem::path& folder);

// True when all the files that mark_whole() was told are still there.
bool is_marked_whole(const std::filesystem::path& snapshot);
// Where the cache cannot be written it does nothing: the Hub is asked again the next time.
void mark_whole(const std::filesystem::path& snapshot, const std::vector<std::string>& names);

// "hf download org/name --repo-type dataset --revision <commit>"
std::string download_command(const std::filesystem::path& snapshot);

}  // namespace armorm::data
