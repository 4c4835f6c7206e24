#include "hub/download.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"
#include "hub/lock.h"

namespace armorm::hub {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kSha256Digits = 64;
constexpr int kContentTries = 2;

// The server sent something else than the file. Never leaves this source file.
struct WrongContent {};

// SHA-1 of "blob <bytes>\0" and the content, as git computes it.
std::string git_sha1_hex(const fs::path& path, std::uint64_t bytes) {
  Sha1 hash;
  hash.update(fmt::format("blob {}", bytes));
  hash.update(std::string_view("\0", 1));
  hash.update_with_file(path);
  return hash.hex();
}

// Reads the file back, so that the check covers the bytes on disk.
bool has_right_content(const fs::path& path, const HubFile& file) {
  if (fs::file_size(path) != file.bytes) return false;
  return file.etag ==
         (file.etag.size() == kSha256Digits ? sha256_file_hex(path) : git_sha1_hex(path, file.bytes));
}

// blobs/<etag>.incomplete. Bytes are written at their own offset, and the file is never truncated while
// others may write it: where locks do not work, two writers of one file write the same bytes.
class PartialFile {
 public:
  PartialFile(fs::path path, std::uint64_t total)
      : path_(std::move(path)), total_(total), descriptor_(io::retry([&] {
          return ::open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
        })) {
    if (descriptor_.get() < 0)
      fail_io("{}: cannot be opened: {}; check that the Hub cache is writable", path_.string(),
              io::reason(errno));
  }

  std::uint64_t bytes() const {
    struct stat status {};
    if (::fstat(descriptor_.get(), &status) != 0)
      fail_io("{}: cannot be examined: {}", path_.string(), io::reason(errno));
    return static_cast<std::uint64_t>(status.st_size);
  }

  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
    if (offset > total_ || bytes.size() > total_ - offset) throw WrongContent{};
    while (!bytes.empty()) {
      const ssize_t count = io::retry([&] {
        return ::pwrite(descriptor_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      });
      if (count <= 0)
        fail_io("{}: writing {} bytes failed: {}; free space or set HF_HOME to another disk", path_.string(),
                bytes.size(), io::reason(count < 0 ? errno : ENOSPC));
      offset += static_cast<std::uint64_t>(count);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

  void publish(const fs::path& target) {
    if (io::retry([&] { return ::fsync(descriptor_.get()); }) != 0)
      fail_io("{}: syncing to disk failed: {}", path_.string(), io::reason(errno));
    std::error_code error;
    fs::rename(path_, target, error);
    if (error) fail_io("{}: cannot be put in place: {}", target.string(), error.message());
  }

 private:
  fs::path path_;
  std::uint64_t total_;
  io::Descriptor descriptor_;
};

// Offset in the file of the body of a 2xx response.
std::uint64_t start_of_body(const HttpResponse& response, std::uint64_t asked) {
  if (response.status == 200) return 0;  // the server ignores Range, or none was sent
  const std::string range = response.header("content-range");
  if (response.status != 206 || !range.starts_with(fmt::format("bytes {}-", asked))) throw WrongContent{};
  return asked;
}

struct Download {
  HttpClient& client;
  const HubRepo& repo;
  const HubFile& file;
  std::string path;  // below the endpoint
  std::string what;
  DownloadProgress& progress;

  // One request from where `partial` ends; returns the offset that it reached.
  std::uint64_t attempt(PartialFile& partial, std::uint64_t have, HttpOutcome& outcome) const {
    HttpRequest request = repo.request(path);
    if (have > 0) request.headers.emplace_back("Range", fmt::format("bytes={}-", have));
    std::uint64_t offset = have;
    const HttpSink sink{[&](const HttpResponse& head) { offset = start_of_body(head, have); },
                        [&](std::span<const std::byte> bytes) {
                          partial.write_at(offset, bytes);
                          offset += bytes.size();
                          progress.received(bytes.size());
                        }};
    outcome = client.send_once(request, sink);
    return offset;
  }

  void complete(PartialFile& partial) const {
    HttpBackoff backoff(client.options());
    for (std::uint64_t have = partial.bytes(); have != file.bytes;) {
      if (have > file.bytes) throw WrongContent{};
      HttpOutcome outcome;
      const std::uint64_t offset = attempt(partial, have, outcome);
      const bool success = outcome.response.status >= 200 && outcome.response.status < 300;
      if (outcome.response.status == 416) throw WrongContent{};
      if (outcome.failure.empty() && !success && !outcome.retryable) repo.refuse(what, outcome.response);
      if (offset > have) backoff.progressed(offset - have);
      have = std::max(have, offset);
      if (have == file.bytes) return;
      if (outcome.failure.empty() && success) {
        outcome.failure = fmt::format("the body ended after {} of {} bytes", have, file.bytes);
        outcome.retryable = true;
      }
      if (!outcome.retryable || !backoff.wait(outcome, what)) give_up(outcome, have);
    }
  }

  [[noreturn]] void give_up(const HttpOutcome& outcome, std::uint64_t have) const {
    fail_io("{}: download stopped after {} of {} bytes: {}; run again to continue there", what, have,
            file.bytes,
            outcome.failure.empty() ? fmt::format("the server answered {}", outcome.response.status)
                                    : outcome.failure);
  }

  // False when the received bytes are not the file.
  bool fetch(const fs::path& incomplete, const fs::path& blob) const {
    PartialFile partial(incomplete, file.bytes);
    try {
      complete(partial);
    } catch (const WrongContent&) {
      return false;
    }
    if (!has_right_content(incomplete, file)) return false;
    partial.publish(blob);
    return true;
  }
};

bool is_there(const fs::path& blob, const HubFile& file) {
  std::error_code error;
  if (!fs::is_regular_file(blob, error)) return false;
  if (fs::file_size(blob) == file.bytes) return true;
  log::warn("{}: has {} bytes, expected {}; downloaded again", blob.string(), fs::file_size(blob),
            file.bytes);
  return false;
}

}  // namespace

void fetch_blob(HttpClient& client, const HubRepo& repo, const std::string& commit, const HubFile& file,
                DownloadProgress& progress) {
  const fs::path blob = repo.path() / "blobs" / file.etag;
  const HubLock lock(repo.options.cache / ".locks" / repo.folder() / (file.etag + ".lock"),
                     repo.options.http);
  if (is_there(blob, file)) return;
  const fs::path incomplete = blob.string() + ".incomplete";
  const Download download{
      client, repo, file, file_path(repo, commit, file.name), repo.name() + ": " + file.name, progress};
  for (int tried = 1; tried <= kContentTries; ++tried) {
    if (download.fetch(incomplete, blob)) return;
    fs::remove(incomplete);
    if (tried < kContentTries)
      log::warn("{}: the downloaded file is not the expected one; downloading it again", download.what);
  }
  fail_data(
      "{}: downloaded {} times, but its content does not have the hash {} that the Hub names; check the "
      "proxy "
      "and HF_ENDPOINT",
      download.what, kContentTries, file.etag);
}

}  // namespace armorm::hub
