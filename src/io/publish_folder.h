// Atomic publishing of a folder: a reader sees the old folder or the complete new one, never an incomplete
// one.
#pragma once

#include <filesystem>
#include <string>

#include "io/file_system.h"

namespace armorm::io {

// Makes a temporary folder next to `target`, which the caller fills through building(); publish() gives it
// the target's name. By then its content must be durable, as AtomicFile and link_file() leave it. If it is
// destroyed before publish(), it removes the temporary folder and its content; the temporary folder of a
// killed process is removed by the next process that publishes to the same target. Every failed call is an io
// error that names the path and the system's reason. Not thread-safe. Network file systems do not lock
// folders: where processes of several machines may publish to one target, the caller must exclude that.
class AtomicFolder {
 public:
  // Creates the parent folders, and finishes or takes back what a process killed within publish() had begun.
  // `files` must outlive the object.
  explicit AtomicFolder(const std::filesystem::path& target, FileSystem& files = posix_file_system());
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  // Finishes a replacement that a killed process had begun, as the constructor does; for callers that examine
  // the target first.
  static void finish_replacing(const std::filesystem::path& path, FileSystem& files);

  const std::filesystem::path& building() const noexcept { return building_; }
  // Gives `file` (symbolic links followed) a second name in the folder. False where the file system allows no
  // such link. Both names are the same file from then on, so only files that are never written in place
  // should be linked.
  bool link_file(const std::filesystem::path& file, const std::string& name);
  // Replaces and removes what has the target's name. This is one step where the file system supports it
  // (Linux: all but network file systems). Elsewhere the name is missing for a moment between two renames;
  // and a folder of a lower layer of an overlay file system, which cannot be renamed, is removed file by file
  // first. After a crash in between, the next object for the same target finishes the replacement.
  void publish();

  const std::filesystem::path& target() const noexcept { return target_; }

 private:
  bool create();
  void replace_target();
  void replace_unmovable();
  void restore_parked();

  FileSystem& files_;
  std::filesystem::path target_;
  std::filesystem::path building_;
  int lock_ = -1;  // of the folder, under any name
  bool published_ = false;
};

}  // namespace armorm::io
