#include "io/writable_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "core/error.h"
#include "core/file_kind.h"
#include "io/system_call.h"

namespace armorm::io {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail_write(const fs::path& path, std::size_t wanted, int error) {
  if (error == ENOSPC || error == EDQUOT) {
    fail_io("{}: disk full while {} more bytes were to be written ({}); free space or choose another folder",
            path.string(), wanted, reason(error));
  }
  fail_io("{}: writing {} bytes failed: {}", path.string(), wanted, reason(error));
}

// What to do about a file that cannot be opened.
std::string remedy_for(const fs::path& path, int error) {
  struct stat status {};
  const bool found = ::lstat(path.c_str(), &status) == 0;
  if (found && S_ISLNK(status.st_mode) && error == ELOOP)
    return "it is a link, which is not followed here; remove it";
  if (found && (error == EACCES || error == EPERM) && status.st_uid != ::geteuid())
    return fmt::format("it belongs to user {}; have it removed, or choose another folder", status.st_uid);
  return "check that the folder is writable";
}

void check(int result, const fs::path& path, const char* what) {
  if (result != 0) fail_io("{}: {} failed: {}", path.string(), what, reason(errno));
}

}  // namespace

WritableFile::WritableFile(FileSystem& files, fs::path path, int flags)
    : files_(files), path_(std::move(path)), flags_(flags) {
  reopen();
}

void WritableFile::reopen() {
  if (file_ >= 0) files_.close(file_);
  file_ = retry([&] { return files_.open(path_, O_RDWR | O_NOFOLLOW | flags_); });
  if (file_ < 0) {
    const int why = errno;
    fail_io("{}: cannot be {}: {}; {}", path_.string(), (flags_ & O_CREAT) != 0 ? "created" : "opened",
            reason(why), remedy_for(path_, why));
  }
  struct stat status {};
  if (::fstat(file_, &status) == 0 && !S_ISREG(status.st_mode))
    fail_io("{}: found {}, expected a regular file; remove it", path_.string(), kind_of_file(status.st_mode));
}

WritableFile::~WritableFile() {
  if (file_ >= 0) files_.close(file_);
}

void WritableFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t count = retry([&] {
      return files_.write_at(file_, bytes.data() + done, bytes.size() - done,
                             static_cast<off_t>(offset + done));
    });
    if (count < 0) fail_write(path_, bytes.size() - done, errno);
    if (count == 0) fail_write(path_, bytes.size() - done, ENOSPC);
    done += static_cast<std::size_t>(count);
  }
}

void WritableFile::read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t count = retry([&] {
      return ::pread(file_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    });
    if (count < 0) fail_io("{}: cannot be read: {}", path_.string(), reason(errno));
    if (count == 0)
      fail_data("{}: ends before byte {}; it is truncated", path_.string(), offset + bytes.size());
    done += static_cast<std::size_t>(count);
  }
}

void WritableFile::allocate(std::uint64_t size) {
  if (retry([&] { return files_.allocate(file_, static_cast<off_t>(size)); }) != 0)
    fail_write(path_, size, errno);
}

void WritableFile::truncate(std::uint64_t size) {
  check(retry([&] { return files_.truncate(file_, static_cast<off_t>(size)); }), path_, "truncating");
}

void WritableFile::sync() {
  check(retry([&] { return files_.sync(file_); }), path_, "syncing to disk");
}

void WritableFile::sync_data() {
  check(retry([&] { return files_.sync_data(file_); }), path_, "syncing to disk");
}

// After close() the descriptor is invalid, whatever the call returned.
void WritableFile::close() { check(files_.close(std::exchange(file_, -1)), path_, "closing"); }

bool WritableFile::lock() {
  return retry([&] { return files_.lock(file_); }) == 0;
}

bool WritableFile::is_still_there() const {
  struct stat mine {};
  struct stat named {};
  return ::fstat(file_, &mine) == 0 && ::lstat(path_.c_str(), &named) == 0 && mine.st_dev == named.st_dev &&
         mine.st_ino == named.st_ino;
}

fs::path folder_of(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

void make_folders(FileSystem& files, const fs::path& folder) {
  std::error_code error;
  if (fs::is_directory(folder, error)) return;
  const fs::path parent = folder_of(folder);
  if (parent != folder) make_folders(files, parent);
  // Another process may have created it first.
  if (retry([&] { return files.make_folder(folder); }) != 0) {
    const int why = errno;
    if (why != EEXIST || !fs::is_directory(folder, error))
      fail_io("{}: folder cannot be created: {}", folder.string(), reason(why));
  }
  sync_folder(files, parent);
}

// Some file systems cannot sync a folder and return EINVAL.
void sync_folder(FileSystem& files, const fs::path& folder) {
  const int opened = retry([&] { return files.open(folder, O_RDONLY | O_DIRECTORY); });
  if (opened < 0) fail_io("{}: folder cannot be opened: {}", folder.string(), reason(errno));
  const int result = retry([&] { return files.sync(opened); });
  const int why = errno;
  files.close(opened);
  if (result != 0 && why != EINVAL)
    fail_io("{}: syncing the folder failed: {}", folder.string(), reason(why));
}

bool is_writable(const fs::path& folder) {
  return ::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
}

bool exists(const fs::path& path) {
  struct stat status {};
  if (retry([&] { return ::stat(path.c_str(), &status); }) == 0) return true;
  if (errno != ENOENT && errno != ENOTDIR)
    fail_io("{}: cannot be looked up: {}; check permissions and the file system", path.string(),
            reason(errno));
  return false;
}

bool remove_file(FileSystem& files, const fs::path& file) {
  if (retry([&] { return files.remove(file); }) == 0) return true;
  if (errno != ENOENT) fail_io("{}: cannot be removed: {}", file.string(), reason(errno));
  return false;
}

}  // namespace armorm::io
