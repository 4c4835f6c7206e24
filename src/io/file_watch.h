// Notices that files are changed, replaced, moved or deleted while they are in use.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace armorm::io {

// By a file's identity, size and time of its last change. A link stands for the file that it leads to.
class FileWatch {
 public:
  // `use` completes the error's "was changed while ...".
  explicit FileWatch(std::string use = "it was read") : use_(std::move(use)) {}

  // io error when it cannot be looked up.
  void add(const std::filesystem::path& file);
  // data error that names the first file that is no longer as it was, and what to do.
  void check() const;
  // As check(), for files that stay open or mapped: they may be moved, replaced or deleted, but not changed.
  void check_content() const;

 private:
  struct State {
    dev_t device = 0;
    ino_t number = 0;
    std::int64_t size = 0;
    std::int64_t seconds = 0;  // of the last change of the content
    std::int64_t nanoseconds = 0;
    bool operator==(const State&) const = default;
  };
  struct Watched {
    std::filesystem::path path;
    State state;
  };
  [[noreturn]] void fail_changed(const Watched& watched, const State& now) const;
  static bool look_up(const std::filesystem::path& file, State& state);

  std::string use_;
  std::vector<Watched> files_;
};

}  // namespace armorm::io
