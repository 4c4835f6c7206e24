#include "io/file_watch.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <cerrno>

#include "core/error.h"
#include "io/system_call.h"

namespace armorm::io {

bool FileWatch::look_up(const std::filesystem::path& file, State& state) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return false;
  state = {status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
  return true;
}

void FileWatch::add(const std::filesystem::path& file) {
  Watched watched{file, {}};
  if (!look_up(file, watched.state)) fail_io("{}: cannot be found: {}", file.string(), reason(errno));
  files_.push_back(std::move(watched));
}

void FileWatch::fail_changed(const Watched& watched, const State& now) const {
  const std::string how = now.size == watched.state.size
                              ? "it was written over"
                              : fmt::format("it had {} bytes, and has {}", watched.state.size, now.size);
  fail_data("{}: was changed while {} ({}); repeat the command when it no longer changes",
            watched.path.string(), use_, how);
}

void FileWatch::check() const {
  for (const Watched& watched : files_) {
    State now;
    if (!look_up(watched.path, now))
      fail_data("{}: was moved or deleted while {} ({}); put it back, and repeat the command",
                watched.path.string(), use_, reason(errno));
    if (now.device != watched.state.device || now.number != watched.state.number)
      fail_data("{}: was replaced by another file while {}; repeat the command when it no longer changes",
                watched.path.string(), use_);
    if (now != watched.state) fail_changed(watched, now);
  }
}

void FileWatch::check_content() const {
  for (const Watched& watched : files_) {
    State now;
    const bool found = look_up(watched.path, now);
    const bool is_same = now.device == watched.state.device && now.number == watched.state.number;
    if (found && is_same && now != watched.state) fail_changed(watched, now);
  }
}

}  // namespace armorm::io
