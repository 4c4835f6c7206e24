// Memory for arrays that grow with a data set: pages of temporary files, which the system writes back and
// drops when memory is short.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory_resource>

#include "io/file_system.h"

namespace armorm::io {

// Each array is a mapped file without a name, so nothing is left behind, however the process ends. (An NFS
// server may show `.nfs` files until then.) Zeroed; thread-safe. An allocation throws an io error that names
// the folder and the bytes when the disk is full, or files cannot be created or mapped.
class ScratchMemory : public std::pmr::memory_resource {
 public:
  // Smaller arrays come from the heap.
  static constexpr std::size_t kLeastBytes = 4096;

  // `folder` exists. Both arguments must outlive the arrays.
  explicit ScratchMemory(std::filesystem::path folder, FileSystem& files = posix_file_system());

  // io error, with both figures, when the file system of `folder` has fewer free bytes.
  void check_free(std::uint64_t bytes) const;
  // Whether files in the folder take memory after all (tmpfs, ramfs).
  bool is_in_memory() const;
  const std::filesystem::path& folder() const noexcept { return folder_; }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* address, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }
  int open_nameless() const;

  std::filesystem::path folder_;
  FileSystem& files_;
};

}  // namespace armorm::io
