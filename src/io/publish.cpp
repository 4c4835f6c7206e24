#include "io/publish.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/file_kind.h"
#include "io/system_call.h"
#include "io/temporary_name.h"
#include "io/writable_file.h"

namespace armorm::io {
namespace fs = std::filesystem;
namespace {

std::unique_ptr<WritableFile> create_temporary(FileSystem& files, const fs::path& target) {
  remove_abandoned(files, target, O_RDWR, [&files](const fs::path& file) { files.remove(file); });
  for (;;) {
    auto file = std::make_unique<WritableFile>(files, temporary_beside(target), O_CREAT | O_EXCL);
    // Between creation and lock another process may have taken the file for abandoned; then it holds the
    // lock, or the file is gone.
    if (file->lock() ? file->is_still_there() : errno != EWOULDBLOCK) return file;
  }
}

// A rename would replace a device or FIFO too. A link is replaced, not followed.
void check_target(const fs::path& target) {
  struct stat status {};
  if (::lstat(target.c_str(), &status) != 0 || S_ISREG(status.st_mode) || S_ISLNK(status.st_mode)) return;
  fail_io("{}: cannot be put in place: found {}, expected a regular file; choose another name",
          target.string(), kind_of_file(status.st_mode));
}

}  // namespace

AtomicFile::AtomicFile(fs::path target, FileSystem& files) : AtomicFile(std::move(target), files, false) {}

AtomicFile::AtomicFile(fs::path target, FileSystem& files, bool resumed)
    : files_(&files), target_(std::move(target)), kept_(resumed) {
  if (!target_.has_filename()) fail_io("{}: found a folder name, expected a file to write", target_.string());
  make_folders(files, folder_of(target_));
  check_target(target_);
  file_ = resumed ? std::make_unique<WritableFile>(files, resumed_name(target_), O_CREAT)
                  : create_temporary(files, target_);
}

AtomicFile AtomicFile::resume(fs::path target, FileSystem& files) { return {std::move(target), files, true}; }

fs::path AtomicFile::resumed_name(const fs::path& target) { return target.string() + ".partial"; }

AtomicFile::AtomicFile(AtomicFile&&) noexcept = default;

AtomicFile::~AtomicFile() {
  if (file_ && file_->is_open() && !kept_) files_->remove(file_->path());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  write_at(end_, bytes);
  end_ += bytes.size();
}

void AtomicFile::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void AtomicFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  file_->write_at(offset, bytes);
}

void AtomicFile::read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
  file_->read_at(offset, bytes);
}

void AtomicFile::allocate(std::uint64_t size) { file_->allocate(size); }

void AtomicFile::sync_data() { file_->sync_data(); }

const fs::path& AtomicFile::temporary() const noexcept { return file_->path(); }

void AtomicFile::publish() { publish({}); }

// -1 with errno set. Without hard links there is a moment in which only `previous` exists.
int AtomicFile::put_in_place(const fs::path& previous) {
  if (!previous.empty() && io::exists(target_)) {
    files_->remove(previous);
    if (files_->link(target_, previous) != 0 && files_->rename(target_, previous) != 0) return -1;
  }
  return files_->rename(temporary(), target_);
}

void AtomicFile::publish(const fs::path& previous) {
  if (!file_->is_open()) fail_internal("{}: published twice", target_.string());
  file_->sync();
  if (!file_->is_still_there())
    fail_io("{}: cannot be put in place: another process removed or replaced {}", target_.string(),
            temporary().string());
  // The file is still open and therefore locked. Another process that publishes to this target would take a
  // closed one for abandoned.
  if (put_in_place(previous) != 0) {
    const int error = errno;
    if (!kept_) files_->remove(temporary());
    file_->close();
    fail_io("{}: cannot be put in place: {}", target_.string(), reason(error));
  }
  file_->close();
  sync_folder(*files_, folder_of(target_));
}

void publish_text(const fs::path& target, std::string_view text, FileSystem& files) {
  AtomicFile file(target, files);
  file.write(text);
  file.publish();
}

}  // namespace armorm::io
