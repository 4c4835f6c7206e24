#include "io/mapped_file.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "io/open_regular.h"
#include "io/system_call.h"

namespace armorm::io {

Descriptor::~Descriptor() {
  if (value_ >= 0) ::close(value_);
}

namespace {

int advice_of(MappedFile::Access access) noexcept {
  switch (access) {
    case MappedFile::Access::normal:
      return MADV_NORMAL;
    case MappedFile::Access::sequential:
      return MADV_SEQUENTIAL;
    case MappedFile::Access::random:
      return MADV_RANDOM;
    case MappedFile::Access::will_need:
      return MADV_WILLNEED;
    case MappedFile::Access::dont_need:
      return MADV_DONTNEED;
  }
  return MADV_NORMAL;
}

std::span<const std::byte> map_file(const std::filesystem::path& path) {
  const Descriptor file = open_regular(path);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail_io("{}: stat failed: {}", path.string(), reason(errno));
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return {};
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
  if (address == MAP_FAILED) {
    fail_io("{}: {} bytes cannot be mapped into memory: {}", path.string(), size, reason(errno));
  }
  return {static_cast<const std::byte*>(address), size};
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path), bytes_(map_file(path)) {}

MappedFile::~MappedFile() { unmap(); }

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

void MappedFile::unmap() noexcept {
  if (bytes_.empty()) return;
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  bytes_ = {};
}

void MappedFile::advise(Access access, std::size_t offset, std::size_t size) const noexcept {
  if (offset >= bytes_.size() || size == 0) return;
  // madvise needs a page-aligned start; the mapping itself begins on a page.
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t first = offset / page * page;
  const std::size_t last = offset + std::min(size, bytes_.size() - offset);
  ::madvise(const_cast<std::byte*>(bytes_.data()) + first, last - first, advice_of(access));
}

}  // namespace armorm::io
