#include "stages/resume/run_lock.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>
#include <string_view>

#include "core/error.h"
#include "core/log.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "io/system_call.h"
#include "stages/resume/lock_owner.h"

namespace armorm::stages::resume {
namespace fs = std::filesystem;
namespace {

constexpr int kLooksPerBeat = 8;          // at most, for check()
constexpr std::size_t kOwnerBytes = 512;  // fixed length, so that a write replaces all of the last

constexpr std::string_view kClaims = "claims", kOwns = "owns";

// Text of a process that claims or owns the output; different for any two processes.
std::string text_of(std::string_view role, unsigned id) {
  const std::string text = fmt::format("{}\n{} ", this_process().text(), role);
  return fmt::format("{}{:>{}}\n", text, id, static_cast<int>(kOwnerBytes - text.size() - 1));
}

// A torn or damaged text names no owner.
bool tells_of_owner(const std::string& text) {
  const std::size_t second_line = text.find('\n') + 1;
  return text.size() == kOwnerBytes && second_line != 0 &&
         text.compare(second_line, kOwns.size(), kOwns) == 0;
}

// "" if it cannot be read
std::string content_of(const fs::path& file) {
  try {
    return io::read_text_file(file, 2 * kOwnerBytes);
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

// Removes the lock file of another user's dead process, which can be locked but not written. Returns `file`.
const fs::path& without_dead_owner(const fs::path& file, io::FileSystem& files) {
  struct stat named {};
  if (::lstat(file.c_str(), &named) != 0 || !S_ISREG(named.st_mode) || named.st_uid == ::geteuid())
    return file;
  const int opened = io::retry([&] { return files.open(file, O_RDONLY | O_NOFOLLOW); });
  if (opened < 0) return file;  // the next call says why
  const bool locked = io::retry([&] { return files.lock(opened); }) == 0;
  const bool held = !locked && (errno == EWOULDBLOCK || errno == EACCES);
  // Without the lock, or under another file's name, it may have an owner.
  struct stat mine {};
  if (locked && ::fstat(opened, &mine) == 0 && ::lstat(file.c_str(), &named) == 0 &&
      mine.st_dev == named.st_dev && mine.st_ino == named.st_ino)
    files.remove(file);
  files.close(opened);
  if (held) fail_held(file);
  return file;
}

}  // namespace

RunLock::RunLock(const fs::path& file, io::FileSystem& files, std::chrono::milliseconds heartbeat)
    : files_(files), file_(files, without_dead_owner(file, files), O_CREAT), heartbeat_(heartbeat) {
  const unsigned id = std::random_device()();
  claim_ = text_of(kClaims, id);
  owner_ = text_of(kOwns, id);
  if (lock()) {
    write(owner_);
    return;
  }
  log::warn("{}: the file system has no locks; checking whether another process is running takes {} s",
            file.string(), std::chrono::duration<double>(3 * heartbeat_).count());
  claim();
  has_heart_ = true;
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
  // Somebody else's file may have its name now.
  const bool owns = has_heart_ ? !lost_ : file_.is_still_there();
  if (owns) files_.remove(file_.path());
}

void RunLock::check() const {
  const auto now = std::chrono::steady_clock::now();
  if (lost_ || now - last_look_.load() > heartbeat_ / kLooksPerBeat) check_now();
}

void RunLock::check_now() const {
  if (!has_heart_) return check_place();
  look();
  if (!lost_) return;
  const std::string text = content_of(file_.path());
  fail_locked(
      "{}: {} has taken over this output, because this process was suspended or cut off for longer than "
      "{} s; it resumes from what was durable then",
      file_.path().string(), text.substr(0, text.find('\n')),
      std::chrono::duration<double>(2 * heartbeat_).count());
}

// The kernel's lock suffices, as long as its file is the one that others find.
void RunLock::check_place() const {
  last_look_ = std::chrono::steady_clock::now();
  if (file_.is_still_there()) return;
  fail_io(
      "{}: the folder of this run's output was removed, moved or replaced while it was at work; put it back, "
      "and repeat the command, which resumes from what was saved there",
      file_.path().string());
}

void RunLock::look() const {
  last_look_ = std::chrono::steady_clock::now();
  const std::string text = content_of(file_.path());
  if (text != owner_ && tells_of_owner(text)) lost_ = true;
}

bool RunLock::lock() {
  for (;;) {
    if (!file_.lock()) {
      if (errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL) return false;
      if (errno == EWOULDBLOCK || errno == EACCES) fail_held(file_.path());
      fail_io("{}: cannot be locked: {}", file_.path().string(), io::reason(errno));
    }
    // A lock on a file that its owner was about to remove protects nothing.
    if (file_.is_still_there()) return true;
    file_.reopen();
  }
}

void RunLock::claim() {
  write(claim_);
  file_.sync();
  std::this_thread::sleep_for(2 * heartbeat_);
  if (content_of(file_.path()) != claim_) fail_held(file_.path());
  write(owner_);
  file_.sync();
  std::this_thread::sleep_for(heartbeat_);
  beat_once();
  if (lost_) fail_held(file_.path());
}

void RunLock::write(const std::string& text) {
  file_.write_at(0, std::as_bytes(std::span(text)));
  file_.truncate(text.size());
}

void RunLock::beat() {
  std::unique_lock guard(mutex_);
  while (!lost_ && !wake_.wait_for(guard, heartbeat_, [this] { return ending_; })) {
    try {
      beat_once();
    } catch (const Error& error) {
      log::warn("{}", error.what());
    }
  }
}

// Synced, so that other machines see it.
void RunLock::beat_once() {
  look();
  if (lost_) return;
  if (!file_.is_still_there()) file_.reopen();
  write(owner_);
  file_.sync();
}

}  // namespace armorm::stages::resume
