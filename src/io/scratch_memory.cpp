#include "io/scratch_memory.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include <utility>

#include "core/error.h"
#include "core/units.h"
#include "io/system_call.h"
#include "io/temporary_name.h"

namespace armorm::io {
namespace {

constexpr const char* kRemedy =
    "make space, or name a folder of another disk with `scratch_dir`, or keep the arrays in memory with "
    "`scratch` off";

// Closes through the file system that opened it.
class OpenFile {
 public:
  OpenFile(FileSystem& files, int file) : files_(files), file_(file) {}
  ~OpenFile() { files_.close(file_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int get() const noexcept { return file_; }

 private:
  FileSystem& files_;
  int file_;
};

}  // namespace

ScratchMemory::ScratchMemory(std::filesystem::path folder, FileSystem& files)
    : folder_(std::move(folder)), files_(files) {}

void ScratchMemory::check_free(std::uint64_t bytes) const {
  struct statvfs status {};
  if (::statvfs(folder_.c_str(), &status) != 0)
    fail_io("{}: its free space cannot be read: {}", folder_.string(), reason(errno));
  const std::uint64_t free = std::uint64_t{status.f_bavail} * status.f_frsize;
  if (free < bytes)
    fail_io("{}: temporary files of {} are needed, but only {} are free; {}", folder_.string(),
            bytes_text(bytes), bytes_text(free), kRemedy);
}

bool ScratchMemory::is_in_memory() const {
  struct statfs status {};
  if (::statfs(folder_.c_str(), &status) != 0) return false;
  const auto type = static_cast<std::uint32_t>(status.f_type);
  return type == TMPFS_MAGIC || type == RAMFS_MAGIC;
}

// Without O_TMPFILE in the file system, the file has a name between two calls.
int ScratchMemory::open_nameless() const {
  const int nameless = retry([&] { return files_.open(folder_, O_TMPFILE | O_EXCL | O_RDWR); });
  if (nameless >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return nameless;
  const std::filesystem::path path = temporary_beside(folder_ / "scratch");
  const int named = retry([&] { return files_.open(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR); });
  if (named >= 0) files_.remove(path);
  return named;
}

void* ScratchMemory::do_allocate(std::size_t bytes, std::size_t alignment) {
  if (bytes < kLeastBytes) return ::operator new(bytes, std::align_val_t(alignment));
  const int opened = open_nameless();
  if (opened < 0)
    fail_io("{}: a temporary file cannot be created: {}; {}", folder_.string(), reason(errno), kRemedy);
  const OpenFile file(files_, opened);
  if (retry([&] { return files_.allocate(file.get(), static_cast<off_t>(bytes)); }) != 0)
    fail_io("{}: a temporary file cannot have {}: {}; {}", folder_.string(), bytes_text(bytes), reason(errno),
            kRemedy);
  void* const address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (address == MAP_FAILED)
    fail_io("{}: a temporary file of {} cannot be mapped: {}; {}", folder_.string(), bytes_text(bytes),
            reason(errno), kRemedy);
  return address;
}

void ScratchMemory::do_deallocate(void* address, std::size_t bytes, std::size_t alignment) {
  if (bytes < kLeastBytes) {
    ::operator delete(address, std::align_val_t(alignment));
  } else {
    ::munmap(address, bytes);
  }
}

}  // namespace armorm::io
