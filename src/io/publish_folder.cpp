#include "io/publish_folder.h"

#include <fcntl.h>

#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "io/system_call.h"
#include "io/temporary_name.h"
#include "io/writable_file.h"

namespace armorm::io {
namespace fs = std::filesystem;
namespace {

// "DIR/" and "DIR" are one name.
fs::path without_slash(const fs::path& path) { return path.has_filename() ? path : path.parent_path(); }

bool cannot_link(int error) {
  // EPERM comes from file systems without hard links, and for protected files of other users.
  return error == EXDEV || error == EPERM || error == EMLINK || error == EOPNOTSUPP || error == ENOSYS;
}

}  // namespace

AtomicFolder::AtomicFolder(const fs::path& target, FileSystem& files)
    : files_(files), target_(without_slash(target)) {
  if (!target_.has_filename()) fail_io("{}: found no name, expected a folder to write", target.string());
  make_folders(files_, folder_of(target_));
  restore_parked();
  remove_abandoned(files_, target_, O_RDONLY | O_DIRECTORY,
                   [this](const fs::path& folder) { remove_tree(folder); });
  while (!create()) files_.close(lock_);
}

// False when another process took the new folder for abandoned before it was locked.
bool AtomicFolder::create() {
  building_ = temporary_beside(target_);
  make_folders(files_, building_);
  lock_ = retry([&] { return files_.open(building_, O_RDONLY | O_DIRECTORY); });
  if (lock_ < 0) fail_io("{}: folder cannot be opened: {}", building_.string(), reason(errno));
  if (retry([&] { return files_.lock(lock_); }) != 0)
    return errno != EWOULDBLOCK;  // true for a file system without locks
  std::error_code error;
  return fs::is_directory(building_, error);
}

AtomicFolder::~AtomicFolder() {
  if (!published_) remove_tree(building_);
  if (lock_ >= 0) files_.close(lock_);
}

bool AtomicFolder::link_file(const fs::path& file, const std::string& name) {
  std::error_code error;
  const fs::path real = fs::canonical(file, error);
  if (error) fail_io("{}: cannot be found: {}", file.string(), error.message());
  if (retry([&] { return files_.link(real, building_ / name); }) == 0) return true;
  if (!cannot_link(errno))
    fail_io("{}: cannot be linked to {}: {}", (building_ / name).string(), real.string(), reason(errno));
  return false;
}

void AtomicFolder::publish() {
  sync_folder(files_, building_);
  if (retry([&] { return files_.rename(building_, target_); }) == 0) {
    published_ = true;
  } else if (errno == ENOTEMPTY || errno == EEXIST) {
    replace_target();
  } else {
    fail_io("{}: cannot be put in place: {}", target_.string(), reason(errno));
  }
  sync_folder(files_, folder_of(target_));
  std::error_code error;
  if (fs::exists(building_, error)) remove_tree(building_);
}

// Afterwards building_ is the name of the previous folder.
void AtomicFolder::replace_target() {
  if (retry([&] { return files_.exchange(building_, target_); }) == 0) {
    published_ = true;
    return;
  }
  if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
    fail_io("{}: cannot be replaced: {}", target_.string(), reason(errno));
  const fs::path old = parked_beside(target_);
  if (retry([&] { return files_.rename(target_, old); }) != 0)
    fail_io("{}: cannot be replaced: {}", target_.string(), reason(errno));
  if (retry([&] { return files_.rename(building_, target_); }) != 0) {
    const int why = errno;
    if (retry([&] { return files_.rename(old, target_); }) == 0)
      fail_io("{}: cannot be put in place: {}", target_.string(), reason(why));
    fail_io("{}: cannot be put in place: {}; what was there is in {}, and the next run puts it back",
            target_.string(), reason(why), old.string());
  }
  published_ = true;
  building_ = old;
}

void AtomicFolder::restore_parked() {
  for (const fs::path& parked : find_parked(target_)) {
    std::error_code error;
    if (fs::exists(fs::symlink_status(target_, error))) {
      remove_tree(parked);
      continue;
    }
    if (retry([&] { return files_.rename(parked, target_); }) != 0)
      fail_io("{}: cannot be put back as {}: {}", parked.string(), target_.string(), reason(errno));
    sync_folder(files_, folder_of(target_));
  }
}

// Removes as much as possible; the next publisher to this target removes the rest.
void AtomicFolder::remove_tree(const fs::path& folder) {
  std::error_code ignored;
  std::vector<fs::directory_entry> entries;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) entries.push_back(entry);
  for (const fs::directory_entry& entry : entries) {
    if (entry.is_directory(ignored) && !entry.is_symlink(ignored))
      remove_tree(entry.path());
    else
      files_.remove(entry.path());
  }
  files_.remove_folder(folder);
}

}  // namespace armorm::io
