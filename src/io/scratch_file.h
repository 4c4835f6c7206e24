// A temporary file without a name: nothing is left of it, however the process ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "io/system_call.h"

namespace armorm::io {

class ScratchFile {
 public:
  // In an existing folder. (An NFS server may show an `.nfs` file until the process ends.) io error that
  // names the folder.
  explicit ScratchFile(std::filesystem::path folder);

  // io errors that name the folder, as when the disk is full.
  void write(std::span<const std::byte> bytes, std::uint64_t offset);
  void read(std::span<std::byte> bytes, std::uint64_t offset) const;  // of what was written

 private:
  std::filesystem::path folder_;
  Descriptor file_;
};

}  // namespace armorm::io
