// One file of a repository: its description by the Hub, and its download into blobs/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "hub/client.h"
#include "hub/download_progress.h"

namespace armorm::hub {

struct HubRepo {
  const HubClientOptions& options;
  RepoKind kind{};
  HubId id;

  std::string name() const;    // org/name@revision, for messages
  std::string folder() const;  // models--org--name
  std::filesystem::path path() const { return options.cache / folder(); }
  HttpRequest request(const std::string& path) const;  // to the endpoint, with the token
  // For a status other than 2xx: throws an io error that says what to do.
  [[noreturn]] void refuse(const std::string& what, const HttpResponse& response) const;
};

struct HubFile {
  std::string name;         // path in the repository
  std::string etag;         // name of the blob: 64 hex digits of SHA-256, or 40 of git's SHA-1
  std::uint64_t bytes = 0;  // size of the complete file
};

// The commit of a revision and the names of its files, as the Hub gives them; not yet checked.
struct HubListing {
  std::string commit;
  std::vector<std::string> names;
};
// data error when the answer to /api/models|datasets/... is not a list of files, or is for another commit.
HubListing parse_listing(const HubRepo& repo, const std::string& body);

// Path of a file below the endpoint.
std::string file_path(const HubRepo& repo, const std::string& commit, const std::string& name);

// HEAD request. data error when the answer lacks the hash or the size, or is for another commit.
HubFile describe_file(HttpClient& client, const HubRepo& repo, const std::string& commit,
                      const std::string& name);
HubFile file_of_answer(const HubRepo& repo, const std::string& commit, const std::string& name,
                       const HttpResponse& response);

// Puts blobs/<etag> in place unless it exists. Resumes from blobs/<etag>.incomplete.
void fetch_blob(HttpClient& client, const HubRepo& repo, const std::string& commit, const HubFile& file,
                DownloadProgress& progress);

}  // namespace armorm::hub
