#include "stages/run_lock.h"

#include <fcntl.h>
#include <random>

#include "armorm/core/error.h"
#include "armorm/core/log.h"
#include "armorm/io/publish.h"
#include "io/system_call.h"
#include "stages/lock_owner.h"

namespace armorm {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kOwnerBytes = 512;  // of one length, so that each write replaces the one before

// The text that an owner writes; different for any two.
std::string owner_text() {
  const std::string text = this_process().text() + "\n";
  return fmt::format("{}{:>{}}\n", text, std::random_device()(), static_cast<int>(kOwnerBytes - text.size() - 1));
}

// "" when it cannot be read
std::string content_of(const fs::path& file) {
  try {
    return read_text_file(file, 2 * kOwnerBytes);
  } catch (const Error&) {
    return "";
  }
}

[[noreturn]] void fail_held(const fs::path& file) {
  const std::string text = content_of(file);
  const std::string owner = text.substr(0, text.find('\n'));
  fail_locked("{}: {} is at work on this output; wait for it or end it", file.string(),
              owner.empty() ? "another process" : owner);
}

}  // namespace

RunLock::RunLock(const fs::path& file, FileSystem& files, std::chrono::milliseconds heartbeat)
    : files_(files), file_(files, file, O_CREAT), heartbeat_(heartbeat), owner_(owner_text()) {
  if (lock()) {
    write_owner();
    return;
  }
  log::warn("{}: the file system has no locks; finding out whether another process is at work takes {} s", file.string(),
            std::chrono::duration<double>(2 * heartbeat_).count());
  claim();
  heart_ = std::thread([this] { beat(); });
}

RunLock::~RunLock() {
  if (heart_.joinable()) {
    {
      const std::lock_guard guard(mutex_);
      ending_ = true;
    }
    wake_.notify_one();
    heart_.join();
  }
  files_.remove(file_.path());
}

bool RunLock::lock() {
  for (;;) {
    if (!file_.lock()) {
      if (errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL) return false;
      if (errno == EWOULDBLOCK || errno == EACCES) fail_held(file_.path());
      fail_io("{}: cannot be locked: {}", file_.path().string(), io::reason(errno));
    }
    // Who locked a file that its owner was about to remove holds nothing.
    if (file_.is_still_there()) return true;
    file_.reopen();
  }
}

void RunLock::claim() {
  write_owner();
  std::this_thread::sleep_for(2 * heartbeat_);
  if (content_of(file_.path()) != owner_) fail_held(file_.path());
}

void RunLock::write_owner() {
  file_.write_at(0, std::as_bytes(std::span(owner_)));
  file_.truncate(owner_.size());
}

void RunLock::beat() {
  std::unique_lock guard(mutex_);
  while (!wake_.wait_for(guard, heartbeat_, [this] { return ending_; })) {
    try {
      write_owner();
    } catch (const Error& error) {
      log::warn("{}", error.what());
    }
  }
}

}  // namespace armorm
