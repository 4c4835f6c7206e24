#include "armorm/io/publish.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <utility>

#include "armorm/core/error.h"
#include "io/system_call.h"

namespace armorm {
namespace fs = std::filesystem;
namespace {

// Random, because two machines that share a file system can have processes of one id.
fs::path temporary_beside(const fs::path& target) {
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof(random), 0) != sizeof(random))
    random = static_cast<std::uint64_t>(::getpid());
  return target.parent_path() / fmt::format(".{}.{:016x}.tmp", target.filename().string(), random);
}

fs::path folder_of(const fs::path& target) {
  return target.has_parent_path() ? target.parent_path() : fs::path(".");
}

[[noreturn]] void fail_write(const fs::path& path, std::size_t wanted, int error) {
  if (error == ENOSPC || error == EDQUOT) {
    fail_io("{}: disk full while {} more bytes were to be written ({}); free space or choose another folder",
            path.string(), wanted, io::reason(error));
  }
  fail_io("{}: writing {} bytes failed: {}", path.string(), wanted, io::reason(error));
}

// Calls `put(data, size, done)` until all is written: a write may be short without being an error.
template <class Put>
void write_all(const fs::path& path, std::span<const std::byte> bytes, Put&& put) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = io::retry([&] { return put(bytes.data() + done, bytes.size() - done, done); });
    if (count < 0) fail_write(path, bytes.size() - done, errno);
    if (count == 0) fail_write(path, bytes.size() - done, ENOSPC);
    done += static_cast<std::size_t>(count);
  }
}

// Makes the rename itself durable. Some file systems cannot sync a folder and say EINVAL.
void sync_folder(const fs::path& folder) {
  const io::Descriptor descriptor(
      io::retry([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (descriptor.get() < 0) fail_io("{}: folder cannot be opened: {}", folder.string(), io::reason(errno));
  if (io::retry([&] { return ::fsync(descriptor.get()); }) != 0 && errno != EINVAL) {
    fail_io("{}: syncing the folder failed: {}", folder.string(), io::reason(errno));
  }
}

}  // namespace

AtomicFile::AtomicFile(fs::path target) : target_(std::move(target)) {
  if (!target_.has_filename()) fail_io("{}: found a folder name, expected a file to write", target_.string());
  std::error_code error;
  fs::create_directories(folder_of(target_), error);
  if (error) fail_io("{}: folder cannot be created: {}", folder_of(target_).string(), error.message());
  temporary_ = temporary_beside(target_);
  descriptor_ =
      io::retry([&] { return ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); });
  if (descriptor_ < 0) {
    fail_io("{}: cannot be created: {}; check that the folder is writable", temporary_.string(),
            io::reason(errno));
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  write_all(temporary_, bytes, [&](const std::byte* data, std::size_t size, std::size_t) {
    return ::write(descriptor_, data, size);
  });
}

void AtomicFile::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void AtomicFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  write_all(temporary_, bytes, [&](const std::byte* data, std::size_t size, std::size_t done) {
    return ::pwrite(descriptor_, data, size, static_cast<off_t>(offset + done));
  });
}

void AtomicFile::publish() {
  if (descriptor_ < 0) fail_internal("{}: published twice", target_.string());
  if (io::retry([&] { return ::fsync(descriptor_); }) != 0) {
    fail_io("{}: syncing to disk failed: {}", temporary_.string(), io::reason(errno));
  }
  // After close() the descriptor is gone whatever it returns, so the destructor must not see it again.
  const int closed = ::close(std::exchange(descriptor_, -1));
  if (closed != 0 || std::rename(temporary_.c_str(), target_.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary_.c_str());
    fail_io("{}: cannot be put in place: {}", target_.string(), io::reason(error));
  }
  sync_folder(folder_of(target_));
}

void publish_text(const fs::path& target, std::string_view text) {
  AtomicFile file(target);
  file.write(text);
  file.publish();
}

std::string read_text_file(const fs::path& path, std::size_t limit) {
  const io::Descriptor file(io::retry([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
  if (file.get() < 0) fail_io("{}: cannot be opened: {}; check the path", path.string(), io::reason(errno));
  // Reads to the end instead of trusting st_size, which is 0 for pipes and /proc.
  constexpr std::size_t kBlock = std::size_t{1} << 16;
  std::string text;
  for (;;) {
    const std::size_t size = text.size();
    text.resize(size + std::max(kBlock, size / 2));
    const ssize_t count =
        io::retry([&] { return ::read(file.get(), text.data() + size, text.size() - size); });
    if (count < 0) fail_io("{}: cannot be read: {}", path.string(), io::reason(errno));
    text.resize(size + static_cast<std::size_t>(count));
    if (text.size() > limit) fail_data("{}: larger than the {} bytes allowed here", path.string(), limit);
    if (count == 0) return text;
  }
}

}  // namespace armorm
