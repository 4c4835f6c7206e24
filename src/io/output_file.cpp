#include "io/output_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file_kind.h"
#include "io/writable_file.h"

namespace armorm::io {
namespace fs = std::filesystem;
namespace {

constexpr int kMaxLinks = 40;  // as in Linux

// A link such as /proc/self/fd/1 leads to an open file, which need not have a name.
bool is_descriptor_link(const fs::path& link) {
  struct statfs system {};
  return ::statfs(folder_of(link).c_str(), &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
}

// In a folder that others write to, another user's link would choose which of this user's files is replaced.
fs::path destination_of(const fs::path& link, uid_t owner) {
  if (owner != 0 && owner != ::geteuid())
    fail_io("{}: a link made by user {}, which is not followed; remove it or choose another name",
            link.string(), owner);
  std::error_code error;
  const fs::path to = fs::read_symlink(link, error);
  if (error) fail_io("{}: link cannot be read: {}", link.string(), error.message());
  return to.is_absolute() ? to : folder_of(link) / to;
}

fs::path without_links(const fs::path& name) {
  fs::path path = name;
  struct stat status {};
  for (int links = 0; ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode); ++links) {
    if (is_descriptor_link(path)) return path;
    if (links == kMaxLinks) fail_io("{}: leads through too many links", name.string());
    path = destination_of(path, status.st_uid);
  }
  return path;
}

// False for a file that is published when complete.
bool is_written_in_place(const fs::path& path, const fs::path& name) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return false;
  if (S_ISREG(status.st_mode)) return fs::is_symlink(path);
  if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) return true;
  fail_io("{}: found {}, expected a file, FIFO or character device to write", name.string(),
          S_ISBLK(status.st_mode) ? "a block device" : kind_of_file(status.st_mode));
}

// Appends, so that a file which is standard output keeps what it holds.
Descriptor open_in_place(const fs::path& path) {
  const int follow = fs::is_symlink(path) ? 0 : O_NOFOLLOW;  // of the links, only a descriptor's is left
  const int flags = O_WRONLY | O_APPEND | O_NOCTTY | O_CLOEXEC | follow;
  Descriptor file(retry([&] { return ::open(path.c_str(), flags); }));
  if (file.get() < 0)
    fail_io("{}: cannot be opened: {}; check its permissions", path.string(), reason(errno));
  return file;
}

}  // namespace

OutputFile::OutputFile(const fs::path& name, FileSystem& files) : path_(without_links(name)) {
  if (is_written_in_place(path_, name))
    in_place_ = open_in_place(path_);
  else
    published_.emplace(path_, files);
}

void OutputFile::write(std::string_view text) {
  if (published_) return published_->write(text);
  while (!text.empty()) {
    const ssize_t count = retry([&] { return ::write(in_place_.get(), text.data(), text.size()); });
    if (count < 0) fail_io("{}: writing {} bytes failed: {}", path_.string(), text.size(), reason(errno));
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

void OutputFile::publish() {
  if (published_) published_->publish();
}

}  // namespace armorm::io
