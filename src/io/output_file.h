// The file that a user names for results, which may exist already as something else than a file.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "io/file_system.h"
#include "io/publish.h"
#include "io/system_call.h"

namespace armorm::io {

// A regular or new file is published when it is complete. A FIFO, a character device and a descriptor of this
// process (/dev/stdout, /dev/fd/N) are written as results come, and stay. Links of the user or of root are
// followed: what they lead to is written, and they stay. Another user's link, a folder, a block device and a
// socket are io errors.
class OutputFile {
 public:
  // Creates the parent folders of a new file; waits for the reader of a FIFO.
  explicit OutputFile(const std::filesystem::path& name, FileSystem& files = posix_file_system());

  void write(std::string_view text);
  void publish();

 private:
  std::filesystem::path path_;  // after links
  std::optional<AtomicFile> published_;
  Descriptor in_place_{-1};
};

}  // namespace armorm::io
