// A disk that fails on command: in the k-th call, or by a power loss there.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "io/file_system.h"

namespace armorm::test {

enum class Fault {
  none,
  io_error,     // the call fails with EIO, later ones work
  disk_full,    // from this call on, calls that need space fail with ENOSPC
  short_write,  // a write stores one byte less, which is not an error
  power_loss,   // this call and all later ones fail; see lose_power()
};

// What a power loss destroys besides data that no sync covered.
enum class Unsynced {
  entries_lost,  // also new, renamed and removed entries of folders that no sync covered
  entries_kept,  // nothing else: a renamed file exists, without its unsynced data
  data_torn,     // nothing else, and half of the unsynced data reached the disk
};

// The real file system below `root`, with a record of what would survive a power loss. Not thread-safe.
class FaultFileSystem : public io::FileSystem {
 public:
  // Calls count from 0; the current content below `root` counts as durable.
  FaultFileSystem(std::filesystem::path root, Fault fault, std::size_t fault_at);

  bool reached() const noexcept { return calls_ > fault_at_; }
  std::size_t calls() const noexcept { return calls_; }
  // Leaves below `root` what the disk would hold after a power loss now.
  void lose_power(Unsynced unsynced);

  int open(const std::filesystem::path& path, int flags) override;
  ssize_t write_at(int file, const std::byte* data, std::size_t size, off_t offset) override;
  int allocate(int file, off_t size) override;
  int truncate(int file, off_t size) override;
  int sync(int file) override;
  int sync_data(int file) override;
  int lock(int file) override;
  int close(int file) override;
  int rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  int remove(const std::filesystem::path& file) override;
  int make_folder(const std::filesystem::path& folder) override;
  int remove_folder(const std::filesystem::path& folder) override;
  int link(const std::filesystem::path& from, const std::filesystem::path& to) override;
  int exchange(const std::filesystem::path& one, const std::filesystem::path& other) override;

 private:
  using Entries = std::map<std::filesystem::path, int>;  // path -> node: files from 0, folders below
  static bool is_folder(int node) { return node < 0; }
  int new_file(std::string durable);
  bool fails(bool needs_space);
  int sync_now(int file);
  void sync_entries(const std::filesystem::path& folder);
  std::string surviving_data(const std::filesystem::path& path, int node, Unsynced unsynced) const;

  std::filesystem::path root_;
  Fault fault_;
  std::size_t fault_at_;
  std::size_t calls_ = 0;
  Entries live_;
  Entries durable_;
  std::map<int, std::string> durable_data_;  // by node
  std::map<int, std::filesystem::path> open_;
  int next_node_ = 0;
  int next_folder_ = -1;
};

}  // namespace armorm::test
