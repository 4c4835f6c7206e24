// One file of a repository: what the Hub says about it, and its way into blobs/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "hub/client.h"
#include "hub/download_progress.h"

namespace armorm::data {

struct HubRepo {
  const HubClientOptions& options;
  RepoKind kind;
  HubId id;

  std::string name() const;    // org/name@revision, for messages
  std::string folder() const;  // models--org--name
  std::filesystem::path path() const { return options.cache / folder(); }
  HttpRequest request(const std::string& path) const;  // of the endpoint, with the token
  // The Hub's answer was none of 2xx: says in words what to do. io error.
  [[noreturn]] void refuse(const std::string& what, const HttpResponse& response) const;
};

struct HubFile {
  std::string name;         // in the repository
  std::string etag;         // 64 hex digits of SHA-256, or 40 of git's SHA-1; the blob's name
  std::uint64_t bytes = 0;  // of the whole file
};

// Which commit a revision is, and the names of its files: as the Hub says them, not yet checked.
struct HubListing {
  std::string commit;
  std::vector<std::string> names;
};
// data error when the answer to /api/models|datasets/... is no list of files, or one of another commit.
HubListing parse_listing(const HubRepo& repo, const std::string& body);

// The path of a file below the endpoint.
std::string file_path(const HubRepo& repo, const std::string& commit, const std::string& name);

// Asks without fetching. data error when the answer lacks the hash or the size, or is about another commit.
HubFile describe_file(HttpClient& client, const HubRepo& repo, const std::string& commit,
                      const std::string& name);
HubFile file_of_answer(const HubRepo& repo, const std::string& commit, const std::string& name,
                       const HttpResponse& response);

// Puts blobs/<etag> in place unless it is there. Continues blobs/<etag>.incomplete.
void fetch_blob(HttpClient& client, const HubRepo& repo, const std::string& commit, const HubFile& file,
                DownloadProgress& progress);

}  // namespace armorm::data
