#include "hub/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "core/error.h"
#include "core/log.h"
#include "hub/environment.h"
#include "io/publish.h"
#include "io/read_file.h"

namespace armorm::hub {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxMarkBytes = std::size_t{1} << 28;
constexpr std::string_view kModels = "models--";
constexpr std::string_view kDatasets = "datasets--";

fs::path repo_of(const fs::path& snapshot) { return snapshot.parent_path().parent_path(); }
fs::path mark_of(const fs::path& snapshot) { return repo_of(snapshot) / ".armorm" / snapshot.filename(); }

}  // namespace

bool is_hub_snapshot(const fs::path& folder) {
  const std::string repo = repo_of(folder).filename().string();
  return folder.parent_path().filename() == "snapshots" && is_commit(folder.filename().string()) &&
         (repo.starts_with(kModels) || repo.starts_with(kDatasets));
}

bool is_marked_whole(const fs::path& snapshot) {
  std::error_code error;
  if (!fs::is_regular_file(mark_of(snapshot), error)) return false;
  std::istringstream names(io::read_text_file(mark_of(snapshot), kMaxMarkBytes));
  bool any = false;
  for (std::string name; std::getline(names, name); any = true)
    if (!fs::is_regular_file(snapshot / name, error)) return false;
  return any;
}

void mark_whole(const fs::path& snapshot, const std::vector<std::string>& names) {
  try {
    io::publish_text(mark_of(snapshot), fmt::format("{}\n", fmt::join(names, "\n")));
  } catch (const Error& error) {
    log::debug("{}; the Hub will be asked again whether the snapshot is complete", error.what());
  }
}

std::string download_command(const fs::path& snapshot) {
  std::string id = repo_of(snapshot).filename().string();
  const bool is_model = id.starts_with(kModels);
  id.erase(0, (is_model ? kModels : kDatasets).size());
  if (const std::size_t dashes = id.find("--"); dashes != std::string::npos) id.replace(dashes, 2, "/");
  return fmt::format("hf download {}{} --revision {}", id, is_model ? "" : " --repo-type dataset",
                     snapshot.filename().string());
}

}  // namespace armorm::hub
