#include "hub/client.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "core/error.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/units.h"
#include "hub/download.h"
#include "hub/environment.h"
#include "hub/snapshot.h"
#include "io/checked_json.h"
#include "io/publish.h"

namespace armorm::hub {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxListingBytes = std::size_t{1} << 28;
constexpr int kMaxListingDepth = 64;
constexpr int kAttemptsWithPart = 2;
constexpr int kConnections = 4;  // one connection does not fill a fast line

std::string text_field(const nlohmann::json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

HubListing list_files(HttpClient& client, const HubRepo& repo) {
  const std::string path =
      fmt::format("/api/{}/{}/revision/{}", repo.kind == RepoKind::model ? "models" : "datasets", repo.id.id,
                  url_escape(repo.id.revision));
  std::string body;
  const HttpResponse response = client.send(repo.request(path), &body, kMaxListingBytes);
  if (response.status != 200) repo.refuse(repo.name(), response);
  return parse_listing(repo, body);
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    fail_io("{}: folder cannot be created: {}; check the Hub cache or set HF_HOME", folder.string(),
            error.message());
}

// Bytes still to download, without those that earlier downloads left.
std::uint64_t bytes_to_fetch(const fs::path& blobs, const std::vector<HubFile>& files) {
  std::uint64_t total = 0;
  std::set<std::string> seen;
  for (const HubFile& file : files) {
    std::error_code error;
    if (!seen.insert(file.etag).second || fs::exists(blobs / file.etag, error)) continue;
    const std::uintmax_t partial = fs::file_size(blobs / (file.etag + ".incomplete"), error);
    const std::uint64_t more = file.bytes - (error ? 0 : std::min<std::uint64_t>(partial, file.bytes));
    total = more > std::numeric_limits<std::uint64_t>::max() - total
                ? std::numeric_limits<std::uint64_t>::max()
                : total + more;
  }
  return total;
}

void check_space(const HubRepo& repo, std::uint64_t wanted) {
  std::error_code error;
  const fs::space_info space = fs::space(repo.path(), error);
  if (!error && space.available < wanted)
    fail_io("{}: needs {} more, but {} has {} free; free space or set HF_HOME to another disk", repo.name(),
            bytes_text(wanted), repo.path().string(), bytes_text(space.available));
}

// snapshots/<commit>/<name> -> ../../blobs/<etag>, atomic for readers.
void link_file(const fs::path& snapshot, const HubFile& file) {
  const fs::path link = snapshot / file.name;
  make_folder(link.parent_path());
  fs::path target = "../..";
  for (const char c : file.name) {
    if (c == '/') target /= "..";
  }
  target = target / "blobs" / file.etag;
  std::random_device random;  // unique among processes and threads
  const fs::path temporary = link.parent_path() / fmt::format(".{}.{:08x}.link", file.etag, random());
  std::error_code error;
  fs::create_symlink(target, temporary, error);
  if (!error) fs::rename(temporary, link, error);
  if (error)
    fail_io("{}: cannot be linked: {}; set HF_HOME to a file system with symbolic links", link.string(),
            error.message());
}

void write_ref(const HubRepo& repo, const std::string& commit) {
  if (is_commit(repo.id.revision)) return;
  io::publish_text(repo.path() / "refs" / repo.id.revision, commit);
}

std::vector<HubFile> describe_missing(HttpClient& client, const HubRepo& repo, const fs::path& snapshot,
                                      const std::vector<std::string>& names) {
  std::vector<HubFile> files;
  for (const std::string& name : names) {
    std::error_code error;
    if (fs::is_regular_file(snapshot / name, error)) continue;
    files.push_back(describe_file(client, repo, snapshot.filename().string(), name));
  }
  return files;
}

// With a usable incomplete snapshot, a machine without network should not wait for minutes before using it.
HttpOptions options_of_listing(const HubRepo& repo) {
  HttpOptions options = repo.options.http;
  std::error_code error;
  if (is_commit(repo.id.revision) && fs::is_directory(repo.path() / "snapshots" / repo.id.revision, error))
    options.attempts = std::min(options.attempts, kAttemptsWithPart);
  return options;
}

// Largest file first, so that the download does not end with one long file.
void fetch_blobs(const HubRepo& repo, const std::string& commit, std::vector<HubFile> files,
                 std::uint64_t wanted) {
  std::stable_sort(files.begin(), files.end(),
                   [](const HubFile& a, const HubFile& b) { return a.bytes > b.bytes; });
  DownloadProgress progress("fetching " + repo.name(), wanted);
  parallel_for(static_cast<std::int64_t>(files.size()), kConnections, [&](std::int64_t i) {
    HttpClient client(repo.options.http);
    fetch_blob(client, repo, commit, files[static_cast<std::size_t>(i)], progress);
  });
}

}  // namespace

HubListing parse_listing(const HubRepo& repo, const std::string& body) {
  const std::string where = repo.name() + ": the Hub's list of files";
  const nlohmann::json json = io::parse_checked_json(body, where, kMaxListingDepth);
  HubListing listing{text_field(json, "sha"), {}};
  if (!is_commit(listing.commit)) fail_data("{} has no commit in \"sha\"; check HF_ENDPOINT", where);
  if (is_commit(repo.id.revision) && listing.commit != repo.id.revision)
    fail_data("{} is of commit {}, expected the one that was asked for", where, listing.commit);
  const auto siblings = json.find("siblings");
  if (siblings == json.end() || !siblings->is_array())
    fail_data("{} has no array \"siblings\"; check HF_ENDPOINT", where);
  for (const nlohmann::json& file : *siblings) listing.names.push_back(text_field(file, "rfilename"));
  return listing;
}

fs::path fetch_snapshot(const HubClientOptions& options, RepoKind kind, const HubId& id) {
  const HubRepo repo{options, kind, id};
  HttpClient asking(options_of_listing(repo));
  const HubListing listing = list_files(asking, repo);
  const std::vector<std::string> names = files_to_fetch(kind, repo.name(), listing.names);
  fs::path snapshot = repo.path() / "snapshots" / listing.commit;
  HttpClient client(options.http);
  const std::vector<HubFile> files = describe_missing(client, repo, snapshot, names);
  if (!files.empty()) make_folder(repo.path() / "blobs");
  const std::uint64_t wanted = bytes_to_fetch(repo.path() / "blobs", files);
  check_space(repo, wanted);
  if (wanted > 0)
    log::info("fetching {}: {} files, {}, into {}", repo.name(), files.size(), bytes_text(wanted),
              repo.path().string());
  fetch_blobs(repo, listing.commit, files, wanted);
  // Links come last, so that a folder that no other program began is nearly always complete; the mark
  // confirms it.
  for (const HubFile& file : files) link_file(snapshot, file);
  write_ref(repo, listing.commit);
  mark_whole(snapshot, names);
  return snapshot;
}

}  // namespace armorm::hub
