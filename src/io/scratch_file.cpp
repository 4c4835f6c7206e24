#include "io/scratch_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "core/error.h"
#include "core/units.h"
#include "io/temporary_name.h"

namespace armorm::io {
namespace {

// Without O_TMPFILE in the file system, the file has a name between two calls.
int open_nameless(const std::filesystem::path& folder) {
  const int nameless =
      retry([&] { return ::open(folder.c_str(), O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600); });
  if (nameless >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return nameless;
  const std::filesystem::path path = temporary_beside(folder / "scratch");
  const int named =
      retry([&] { return ::open(path.c_str(), O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, 0600); });
  if (named >= 0) ::unlink(path.c_str());
  return named;
}

int open_scratch(const std::filesystem::path& folder) {
  const int file = open_nameless(folder);
  if (file < 0) fail_io("{}: a temporary file cannot be created: {}", folder.string(), reason(errno));
  return file;
}

}  // namespace

ScratchFile::ScratchFile(std::filesystem::path folder)
    : folder_(std::move(folder)), file_(open_scratch(folder_)) {}

void ScratchFile::write(std::span<const std::byte> bytes, std::uint64_t offset) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t count = retry([&] {
      return ::pwrite(file_.get(), bytes.data() + done, bytes.size() - done,
                      static_cast<off_t>(offset + done));
    });
    if (count <= 0)
      fail_io("{}: a temporary file of {} cannot be written: {}; make space", folder_.string(),
              bytes_text(offset + bytes.size()), count < 0 ? reason(errno) : "nothing was written");
    done += static_cast<std::size_t>(count);
  }
}

void ScratchFile::read(std::span<std::byte> bytes, std::uint64_t offset) const {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t count = retry([&] {
      return ::pread(file_.get(), bytes.data() + done, bytes.size() - done,
                     static_cast<off_t>(offset + done));
    });
    if (count <= 0)
      fail_io("{}: a temporary file cannot be read: {}", folder_.string(),
              count < 0 ? reason(errno) : "it ends too early");
    done += static_cast<std::size_t>(count);
  }
}

}  // namespace armorm::io
