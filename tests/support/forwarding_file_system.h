// The machine's file system; tests override single calls.
#pragma once

#include <cerrno>

#include "io/file_system.h"

namespace armorm::test {

class ForwardingFileSystem : public io::FileSystem {
 public:
  using Path = std::filesystem::path;
  int open(const Path& path, int flags) override { return io::posix_file_system().open(path, flags); }
  ssize_t write_at(int file, const std::byte* data, std::size_t size, off_t offset) override {
    return io::posix_file_system().write_at(file, data, size, offset);
  }
  int allocate(int file, off_t size) override { return io::posix_file_system().allocate(file, size); }
  int truncate(int file, off_t size) override { return io::posix_file_system().truncate(file, size); }
  int sync(int file) override { return io::posix_file_system().sync(file); }
  int sync_data(int file) override { return io::posix_file_system().sync_data(file); }
  int lock(int file) override { return io::posix_file_system().lock(file); }
  int close(int file) override { return io::posix_file_system().close(file); }
  int rename(const Path& from, const Path& to) override { return io::posix_file_system().rename(from, to); }
  int remove(const Path& file) override { return io::posix_file_system().remove(file); }
  int make_folder(const Path& folder) override { return io::posix_file_system().make_folder(folder); }
  int remove_folder(const Path& folder) override { return io::posix_file_system().remove_folder(folder); }
  int link(const Path& from, const Path& to) override { return io::posix_file_system().link(from, to); }
  int exchange(const Path& one, const Path& other) override {
    return io::posix_file_system().exchange(one, other);
  }
};

// Like old or network file systems.
class WithoutLinks final : public ForwardingFileSystem {
 public:
  int link(const Path&, const Path&) override { return fails(EXDEV); }
  int exchange(const Path&, const Path&) override { return fails(EINVAL); }

 private:
  static int fails(int reason) {
    errno = reason;
    return -1;
  }
};

}  // namespace armorm::test
