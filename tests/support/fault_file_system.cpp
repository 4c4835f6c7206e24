#include "support/fault_file_system.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <utility>

#include "io/publish.h"
#include "io/read_file.h"

namespace armorm::test {
namespace fs = std::filesystem;
namespace {

bool is_below(const fs::path& path, const fs::path& folder) {
  const auto [end, rest] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end() && rest != path.end();
}

fs::path renamed(const fs::path& path, const fs::path& from, const fs::path& to) {
  if (path == from) return to;
  return is_below(path, from) ? to / path.lexically_relative(from) : path;
}

// An entry that `to` named before is removed.
std::map<fs::path, int> renamed(const std::map<fs::path, int>& entries, const fs::path& from,
                                const fs::path& to) {
  std::map<fs::path, int> result;
  for (const auto& [path, node] : entries)
    if (path != to || !entries.contains(from)) result[renamed(path, from, to)] = node;
  return result;
}

}  // namespace

FaultFileSystem::FaultFileSystem(fs::path root, Fault fault, std::size_t fault_at)
    : root_(std::move(root)), fault_(fault), fault_at_(fault_at) {
  for (const auto& entry : fs::recursive_directory_iterator(root_)) {
    live_[entry.path()] = entry.is_directory() ? next_folder_-- : new_file(io::read_text_file(entry.path()));
  }
  durable_ = live_;
}

int FaultFileSystem::new_file(std::string durable) {
  durable_data_[next_node_] = std::move(durable);
  return next_node_++;
}

bool FaultFileSystem::fails(bool needs_space) {
  const std::size_t call = calls_++;
  if (fault_ == Fault::io_error && call == fault_at_)
    errno = EIO;
  else if (fault_ == Fault::power_loss && call >= fault_at_)
    errno = EIO;
  else if (fault_ == Fault::disk_full && call >= fault_at_ && needs_space)
    errno = ENOSPC;
  else
    return false;
  return true;
}

int FaultFileSystem::open(const fs::path& path, int flags) {
  const bool creates = (flags & O_CREAT) != 0 && !fs::exists(path);
  if (fails(creates)) return -1;
  const int file = io::posix_file_system().open(path, flags);
  if (file < 0) return file;
  open_[file] = path;
  if (creates) live_[path] = new_file("");
  return file;
}

ssize_t FaultFileSystem::write_at(int file, const std::byte* data, std::size_t size, off_t offset) {
  const bool cut = fault_ == Fault::short_write && calls_ == fault_at_ && size > 1;
  if (fails(true)) return -1;
  return io::posix_file_system().write_at(file, data, cut ? size - 1 : size, offset);
}

int FaultFileSystem::allocate(int file, off_t size) {
  return fails(true) ? -1 : io::posix_file_system().allocate(file, size);
}

int FaultFileSystem::truncate(int file, off_t size) {
  return fails(false) ? -1 : io::posix_file_system().truncate(file, size);
}

int FaultFileSystem::sync(int file) { return fails(true) ? -1 : sync_now(file); }

int FaultFileSystem::sync_data(int file) { return fails(true) ? -1 : sync_now(file); }

// Does not wait for the real disk.
int FaultFileSystem::sync_now(int file) {
  const fs::path& path = open_.at(file);
  if (fs::is_directory(path)) {
    sync_entries(path);
  } else if (const auto entry = live_.find(path); entry != live_.end()) {
    durable_data_[entry->second] = io::read_text_file(path);
  }
  return 0;
}

// A folder that exists now keeps the durable content of the name that it had on the disk.
void FaultFileSystem::sync_entries(const fs::path& folder) {
  const Entries before = durable_;
  std::erase_if(durable_, [&](const auto& entry) { return is_below(entry.first, folder); });
  for (const auto& [path, node] : live_) {
    if (path.parent_path() != folder) continue;
    durable_[path] = node;
    if (!is_folder(node)) continue;
    const auto known =
        std::find_if(before.begin(), before.end(), [n = node](const auto& e) { return e.second == n; });
    const fs::path name_before = known == before.end() ? path : known->first;
    for (const auto& [below, content] : before)
      if (is_below(below, name_before)) durable_[path / below.lexically_relative(name_before)] = content;
  }
}

int FaultFileSystem::lock(int file) { return fails(false) ? -1 : io::posix_file_system().lock(file); }

int FaultFileSystem::close(int file) {
  open_.erase(file);
  const bool failed = fails(false);
  const int why = errno;
  const int result = io::posix_file_system().close(file);  // even a failed close releases the descriptor
  errno = why;
  return failed ? -1 : result;
}

int FaultFileSystem::rename(const fs::path& from, const fs::path& to) {
  if (fails(false)) return -1;
  const int result = io::posix_file_system().rename(from, to);
  if (result != 0) return result;
  live_ = renamed(live_, from, to);
  if (is_folder(live_.at(to)) && !durable_.contains(from)) durable_ = renamed(durable_, from, to);
  for (auto& [file, path] : open_) path = renamed(path, from, to);
  return 0;
}

int FaultFileSystem::exchange(const fs::path& one, const fs::path& other) {
  if (fails(false)) return -1;
  const int result = io::posix_file_system().exchange(one, other);
  if (result != 0) return result;
  const fs::path between = root_ / "exchanged";
  live_ = renamed(renamed(renamed(live_, one, between), other, one), between, other);
  for (auto& [file, path] : open_)
    path = renamed(renamed(renamed(path, one, between), other, one), between, other);
  return 0;
}

int FaultFileSystem::link(const fs::path& from, const fs::path& to) {
  if (fails(true)) return -1;
  const int result = io::posix_file_system().link(from, to);
  if (result != 0) return result;
  const auto known = live_.find(from);
  live_[to] = known != live_.end() ? known->second : new_file(io::read_text_file(from));
  return 0;
}

int FaultFileSystem::remove_folder(const fs::path& folder) {
  if (fails(false)) return -1;
  const int result = io::posix_file_system().remove_folder(folder);
  if (result == 0) live_.erase(folder);
  return result;
}

int FaultFileSystem::remove(const fs::path& file) {
  if (fails(false)) return -1;
  const int result = io::posix_file_system().remove(file);
  if (result == 0) live_.erase(file);
  return result;
}

int FaultFileSystem::make_folder(const fs::path& folder) {
  if (fails(true)) return -1;
  const int result = io::posix_file_system().make_folder(folder);
  if (result == 0) live_[folder] = next_folder_--;
  return result;
}

std::string FaultFileSystem::surviving_data(const fs::path& path, int node, Unsynced unsynced) const {
  const std::string& durable = durable_data_.at(node);
  if (unsynced != Unsynced::data_torn) return durable;
  std::string data = io::read_text_file(path);
  for (std::size_t i = data.size() / 2; i < data.size(); ++i)
    data[i] = i < durable.size() ? durable[i] : '\0';
  return data;
}

void FaultFileSystem::lose_power(Unsynced unsynced) {
  std::map<fs::path, std::string> survivors;
  const Entries& entries = unsynced == Unsynced::entries_lost ? durable_ : live_;
  for (const auto& [path, node] : entries)
    if (!is_folder(node)) survivors[path] = surviving_data(path, node, unsynced);
  for (const auto& entry : fs::directory_iterator(root_)) fs::remove_all(entry.path());
  for (const auto& [path, node] : entries) {  // parents come first
    if (!fs::is_directory(path.parent_path())) continue;
    if (is_folder(node)) {
      fs::create_directory(path);
    } else {
      std::ofstream(path, std::ios::binary) << survivors.at(path);
    }
  }
}

}  // namespace armorm::test
