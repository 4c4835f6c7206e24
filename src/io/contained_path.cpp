#include "io/contained_path.h"

#include "core/error.h"

namespace armorm::io {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxNameBytes = 255;  // NAME_MAX

bool is_below(const fs::path& path, const fs::path& folder) {
  const fs::path relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

// Empty when `root` is not a snapshot of the Hub cache.
fs::path blobs_of_snapshot(const fs::path& root) {
  if (root.parent_path().filename() != "snapshots") return {};
  const fs::path repository = root.parent_path().parent_path();
  const std::string name = repository.filename().string();
  if (!name.starts_with("models--") && !name.starts_with("datasets--")) return {};
  return repository / "blobs";
}

}  // namespace

bool is_plain_file_name(const std::string& name) {
  return !name.empty() && name.size() <= kMaxNameBytes && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
}

void check_stays_inside(const fs::path& file, const fs::path& root) {
  std::error_code error;
  const fs::path real = fs::canonical(file, error);
  if (error == std::errc::no_such_file_or_directory) return;
  const fs::path folder = error ? fs::path() : fs::canonical(root, error);
  if (error) fail_io("{}: cannot be followed to its place: {}", file.string(), error.message());
  if (is_below(real, folder)) return;
  const fs::path blobs = fs::weakly_canonical(blobs_of_snapshot(folder), error);
  if (!error && !blobs.empty() && is_below(real, blobs)) return;
  fail_data("{}: a link that leads out of {}; copy the file into the folder", file.string(), root.string());
}

}  // namespace armorm::io
