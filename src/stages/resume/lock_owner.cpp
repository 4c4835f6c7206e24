#include "stages/resume/lock_owner.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <iomanip>
#include <sstream>

#include "core/error.h"
#include "io/read_file.h"
#include "io/system_call.h"

namespace armorm::stages::resume {
namespace fs = std::filesystem;
namespace {

constexpr const char* kTimeFormat = "%Y-%m-%dT%H:%M:%SZ";
constexpr std::size_t kMaxLockBytes = 4096;
constexpr std::size_t kMaxLocksListed = std::size_t{1} << 26;

std::string host_name() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return host.data();
}

// proc_locks(5), one lock per line: "1: FLOCK ADVISORY WRITE 1234 08:01:5678 0 EOF" with the process and,
// after the device, the inode. On some file systems the device differs from that of stat(2), so only the
// inode is compared.
bool kernel_lists_lock(const fs::path& lock_file, std::int64_t process) {
  struct stat status {};
  if (::stat(lock_file.c_str(), &status) != 0) return false;
  std::istringstream lines;
  try {
    lines.str(io::read_text_file("/proc/locks", kMaxLocksListed));
  } catch (const Error&) {
    return false;
  }
  const std::string inode = fmt::format(":{}", status.st_ino);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string number, kind, mode, access, holder, file;
    fields >> number >> kind >> mode >> access >> holder >> file;
    if (kind == "FLOCK" && holder == std::to_string(process) && file.ends_with(inode)) return true;
  }
  return false;
}

// Network file systems turn flock(2) into a lock of the file's complete range, which the server reports to
// other machines.
bool server_tells_of_lock(const fs::path& lock_file) {
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  const io::Descriptor file(io::retry([&] { return ::open(lock_file.c_str(), kFlags); }));
  if (file.get() < 0) return false;
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  return ::fcntl(file.get(), F_GETLK, &range) == 0 && range.l_type != F_UNLCK;  // F_GETLK only queries
}

}  // namespace

std::string LockOwner::text() const { return fmt::format("process {} on {} since {}", process, host, since); }

LockOwner this_process() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  std::array<char, 32> time{};
  std::strftime(time.data(), time.size(), kTimeFormat, &utc);
  return {::getpid(), host_name(), time.data()};
}

std::optional<LockOwner> read_lock_owner(const fs::path& lock_file) {
  std::istringstream text;
  try {
    text.str(io::read_text_file(lock_file, kMaxLockBytes));
  } catch (const Error&) {
    return std::nullopt;
  }
  LockOwner owner;
  std::string process, on, since;
  text >> process >> owner.process >> on >> owner.host >> since >> owner.since;
  if (!text || process != "process" || on != "on" || since != "since") return std::nullopt;
  return owner;
}

double started_at(const LockOwner& owner) {
  std::tm utc{};
  std::istringstream text(owner.since);
  text >> std::get_time(&utc, kTimeFormat);
  return text ? static_cast<double>(::timegm(&utc)) : 0.0;
}

bool is_held(const fs::path& lock_file, const LockOwner& owner, double silent_seconds) {
  const bool recent = silent_seconds < std::chrono::duration<double>(kSilence).count();
  if (server_tells_of_lock(lock_file)) return true;
  if (owner.host != host_name()) return recent;
  if (kernel_lists_lock(lock_file, owner.process)) return true;
  // Its file system may not support locks.
  return recent && fs::exists(fmt::format("/proc/{}", owner.process));
}

}  // namespace armorm::stages::resume
