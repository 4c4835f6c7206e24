// Atomic publishing of a folder: a reader sees the old one, or the whole new one, and never a part of it.
#pragma once

#include <filesystem>
#include <string>

#include "io/file_system.h"

namespace armorm {

// Makes a temporary folder beside `target`, which the caller fills through building(); publish() puts it
// under the target's name. What is put into it must be durable by then, as AtomicFile and link_file() leave
// it. Destroyed before publish(), it removes the temporary folder with all that is in it; one that a killed
// process left is removed by the next that publishes to the same target. Every failed call is an io error
// that names the path and the system's reason. Not thread-safe. Where processes of several machines may
// publish to one target, the caller keeps them apart: network file systems do not lock folders.
class AtomicFolder {
 public:
  // Creates the parent folders, and puts back what a process that ended within publish() had moved aside.
  // `files` must outlive this.
  explicit AtomicFolder(std::filesystem::path target, FileSystem& files = posix_file_system());
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  const std::filesystem::path& building() const noexcept { return building_; }
  // Gives `file`, symbolic links followed, a second name in the folder. False where file systems allow no
  // such link; what the two names hold is one and the same file then on, so only files that are never written
  // in place should be linked.
  bool link_file(const std::filesystem::path& file, const std::string& name);
  // What lies under the target's name is replaced and removed. That is one step where the file system can do
  // it (Linux: all but network file systems); elsewhere there is a moment between two renames without the
  // name.
  void publish();

  const std::filesystem::path& target() const noexcept { return target_; }

 private:
  bool create();
  void replace_target();
  void restore_parked();
  void remove_tree(const std::filesystem::path& folder);

  FileSystem& files_;
  std::filesystem::path target_;
  std::filesystem::path building_;
  int lock_ = -1;  // on the folder, whatever its name
  bool published_ = false;
};

}  // namespace armorm
