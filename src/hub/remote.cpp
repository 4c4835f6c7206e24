// Requests about a repository: its files, their sizes and hashes, refusals.
#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "core/strings.h"
#include "hub/download.h"

namespace armorm::hub {
namespace {

constexpr std::size_t kSha1Digits = 40;
constexpr std::size_t kSha256Digits = 64;
constexpr std::size_t kMaxSizeDigits = 18;

bool is_hash(const std::string& text) {
  return is_lower_hex(text, kSha1Digits) || is_lower_hex(text, kSha256Digits);
}

std::string plain_etag(std::string etag) {
  if (etag.starts_with("W/")) etag.erase(0, 2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
  return etag;
}

std::uint64_t parse_size(const std::string& what, const std::string& text) {
  if (text.empty() || text.size() > kMaxSizeDigits ||
      text.find_first_not_of("0123456789") != std::string::npos)
    fail_data("{}: the Hub's answer has no usable size (X-Linked-Size or Content-Length); check HF_ENDPOINT",
              what);
  return std::stoull(text);
}

std::string escaped_path(const std::string& name) {
  std::string out;
  for (std::size_t start = 0; start <= name.size();) {
    const std::size_t end = std::min(name.find('/', start), name.size());
    out += (start == 0 ? "" : "/") + url_escape(name.substr(start, end - start));
    start = end + 1;
  }
  return out;
}

}  // namespace

std::string HubRepo::name() const { return id.id + "@" + id.revision; }

std::string HubRepo::folder() const { return hub_repo_folder({}, kind, id.id).string(); }

HttpRequest HubRepo::request(const std::string& path) const {
  HttpRequest out;
  out.url = options.endpoint + path;
  out.bearer_token = options.token;
  return out;
}

void HubRepo::refuse(const std::string& what, const HttpResponse& response) const {
  const std::string code = response.header("x-error-code");
  const std::string page =
      url_for_messages(options.endpoint + (kind == RepoKind::model ? "/" : "/datasets/") + id.id);
  const std::string token = options.token.empty()
                                ? "no token was sent: set HF_TOKEN"
                                : "the token of HF_TOKEN or its file was refused: check its rights";
  if (code == "GatedRepo" || response.status == 403)
    fail_io(
        "{}: the Hub answered {}: access is restricted; accept the terms at {} and use a token of that "
        "account ({})",
        what, response.status, page, token);
  if (code == "RevisionNotFound")
    fail_io("{}: the Hub answered {}: there is no revision \"{}\"; check the part after \"@\"", what,
            response.status, id.revision);
  if (response.status == 401)
    fail_io(
        "{}: the Hub answered 401: it does not exist, or is private or gated; check the id (or the local "
        "path), "
        "accept the terms at {} if it has any ({})",
        what, page, token);
  if (response.status == 404)
    fail_io("{}: the Hub answered 404: not found at {}; check the id and revision, or the local path", what,
            page);
  fail_io("{}: the Hub answered {}, expected 200; check HF_ENDPOINT ({})", what, response.status,
          url_for_messages(options.endpoint));
}

HubFile describe_file(HttpClient& client, const HubRepo& repo, const std::string& commit,
                      const std::string& name) {
  HttpRequest request = repo.request(file_path(repo, commit, name));
  request.head = true;
  request.leave_origin = false;  // only the Hub gives hash and size, the storage behind it does not
  return file_of_answer(repo, commit, name, client.send(request, nullptr, kMaxErrorPage));
}

HubFile file_of_answer(const HubRepo& repo, const std::string& commit, const std::string& name,
                       const HttpResponse& response) {
  const std::string what = repo.name() + ": " + name;
  const bool redirects = response.status >= 300 && response.status < 400;
  if (response.status != 200 && !redirects) repo.refuse(what, response);
  const std::string answered = response.header("x-repo-commit");
  if (!answered.empty() && answered != commit)
    fail_data("{}: the Hub answered for another commit than {}; try again", what, commit);
  HubFile file{name, plain_etag(response.header("x-linked-etag")), 0};
  if (file.etag.empty() && !redirects) file.etag = plain_etag(response.header("etag"));
  if (!is_hash(file.etag))
    fail_data("{}: the Hub's answer has no SHA-256 or git SHA-1 as its ETag; check HF_ENDPOINT", what);
  std::string size = response.header("x-linked-size");
  if (size.empty() && !redirects) size = response.header("content-length");
  file.bytes = parse_size(what, size);
  return file;
}

std::string file_path(const HubRepo& repo, const std::string& commit, const std::string& name) {
  return fmt::format("/{}{}/resolve/{}/{}", repo.kind == RepoKind::model ? "" : "datasets/", repo.id.id,
                     commit, escaped_path(name));
}

}  // namespace armorm::hub
