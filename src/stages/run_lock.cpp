#include "stages/run_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <ctime>

#include "armorm/core/error.h"
#include "armorm/core/log.h"
#include "armorm/io/publish.h"
#include "io/system_call.h"

namespace armorm {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxOwnerBytes = 1024;

std::string owner_text() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  std::array<char, 32> time{};
  std::strftime(time.data(), time.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return fmt::format("process {} on {} since {}\n", ::getpid(), host.data(), time.data());
}

// What a living owner wrote, on one line.
std::string owner_of(const fs::path& file) {
  std::string text;
  try {
    text = read_text_file(file, kMaxOwnerBytes);
  } catch (const Error&) {
  }
  text = text.substr(0, text.find('\n'));
  return text.empty() ? "another process" : text;
}

}  // namespace

RunLock::RunLock(const fs::path& file, FileSystem& files) : files_(files), file_(files, file, O_CREAT) {
  const auto acquire = [&] {
    if (file_.lock()) return;
    if (errno == EWOULDBLOCK || errno == EACCES)
      fail_locked("{}: {} is at work on this output; wait for it or end it", file.string(), owner_of(file));
    log::warn("{}: the file system has no locks ({}); do not start two processes on one shard", file.string(),
              io::reason(errno));
  };
  acquire();
  // Who locked a file that its owner was about to remove holds nothing.
  while (!file_.is_still_there()) {
    file_.reopen();
    acquire();
  }
  file_.truncate(0);
  const std::string text = owner_text();
  file_.write_at(0, std::as_bytes(std::span(text)));
}

RunLock::~RunLock() { files_.remove(file_.path()); }

}  // namespace armorm
