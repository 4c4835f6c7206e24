#include "io/publish_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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

// Closes the folder's descriptor, which ends the lock.
class FolderLock {
 public:
  FolderLock(FileSystem& files, int opened) : files_(files), opened_(opened) {}
  ~FolderLock() { files_.close(opened_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  FileSystem& files_;
  int opened_;
};

// Removes as much as possible; the next publisher to this target removes the rest.
void remove_tree(FileSystem& files, const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(fs::symlink_status(folder, ignored))) return;
  std::vector<fs::directory_entry> entries;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) entries.push_back(entry);
  for (const fs::directory_entry& entry : entries) {
    if (entry.is_directory(ignored) && !entry.is_symlink(ignored))
      remove_tree(files, entry.path());
    else
      files.remove(entry.path());
  }
  files.remove_folder(folder);
}

void put_in_place(FileSystem& files, const fs::path& complete, const fs::path& target) {
  remove_tree(files, target);
  if (retry([&] { return files.rename(complete, target); }) != 0)
    fail_io("{}: cannot be replaced: {}; the new one is {}, and the next run puts it in place",
            target.string(), reason(errno), complete.string());
}

}  // namespace

AtomicFolder::AtomicFolder(const fs::path& target, FileSystem& files)
    : files_(files), target_(without_slash(target)) {
  if (!target_.has_filename()) fail_io("{}: found no name, expected a folder to write", target.string());
  make_folders(files_, folder_of(target_));
  finish_replacing(target_, files_);
  restore_parked();
  remove_abandoned(files_, target_, O_RDONLY | O_DIRECTORY,
                   [this](const fs::path& folder) { remove_tree(files_, folder); });
  while (!create()) files_.close(lock_);
}

// False when another process took the new folder for abandoned before it was locked.
bool AtomicFolder::create() {
  building_ = temporary_beside(target_);
  make_folders(files_, building_);
  lock_ = retry([&] { return files_.open(building_, O_RDONLY | O_DIRECTORY | O_NOFOLLOW); });
  if (lock_ < 0) fail_io("{}: folder cannot be opened: {}", building_.string(), reason(errno));
  if (retry([&] { return files_.lock(lock_); }) != 0)
    return errno != EWOULDBLOCK;  // true for a file system without locks
  std::error_code error;
  return fs::is_directory(building_, error);
}

AtomicFolder::~AtomicFolder() {
  if (!published_) remove_tree(files_, building_);
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
  if (fs::exists(building_, error)) remove_tree(files_, building_);
}

// Afterwards building_ is the name of the previous folder.
void AtomicFolder::replace_target() {
  if (retry([&] { return files_.exchange(building_, target_); }) == 0) {
    published_ = true;
    return;
  }
  if (errno == EXDEV) return replace_unmovable();
  if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
    fail_io("{}: cannot be replaced: {}", target_.string(), reason(errno));
  const fs::path old = parked_beside(target_);
  if (retry([&] { return files_.rename(target_, old); }) != 0) {
    if (errno == EXDEV) return replace_unmovable();
    fail_io("{}: cannot be replaced: {}", target_.string(), reason(errno));
  }
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

// An overlay file system does not rename a folder of a lower layer, but removes it. Once the new folder has a
// name that says that it is complete, there is no way back: the next run finishes what is interrupted here.
void AtomicFolder::replace_unmovable() {
  const fs::path complete = complete_beside(target_);
  if (retry([&] { return files_.rename(building_, complete); }) != 0)
    fail_io("{}: cannot be replaced: {}", target_.string(), reason(errno));
  published_ = true;
  building_ = complete;
  sync_folder(files_, folder_of(target_));
  put_in_place(files_, complete, target_);
}

// Leaves another user's folder alone, and that of a process which is at work on it.
void AtomicFolder::finish_replacing(const fs::path& path, FileSystem& files) {
  const fs::path target = without_slash(path);
  for (const fs::path& complete : find_complete(target)) {
    struct stat status {};
    if (::lstat(complete.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != ::geteuid())
      continue;
    const int opened = retry([&] { return files.open(complete, O_RDONLY | O_DIRECTORY | O_NOFOLLOW); });
    if (opened < 0) fail_io("{}: folder cannot be opened: {}", complete.string(), reason(errno));
    const FolderLock held(files, opened);
    if (retry([&] { return files.lock(opened); }) != 0 && errno == EWOULDBLOCK) continue;
    put_in_place(files, complete, target);
    sync_folder(files, folder_of(target));
  }
}

void AtomicFolder::restore_parked() {
  for (const fs::path& parked : find_parked(target_)) {
    std::error_code error;
    if (!fs::is_directory(fs::symlink_status(parked, error))) continue;
    if (fs::exists(fs::symlink_status(target_, error))) {
      remove_tree(files_, parked);
      continue;
    }
    if (retry([&] { return files_.rename(parked, target_); }) != 0)
      fail_io("{}: cannot be put back as {}: {}", parked.string(), target_.string(), reason(errno));
    sync_folder(files_, folder_of(target_));
  }
}

}  // namespace armorm::io
