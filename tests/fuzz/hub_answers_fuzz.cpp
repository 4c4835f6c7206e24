// Answers of a Hub, without a network: the list of files, the headers of one file, and redirect addresses;
// the first byte chooses which.
#include "core/error.h"
#include "fuzz/driver.h"
#include "hub/download.h"
#include "hub/http_url.h"

namespace armorm::fuzz {
namespace {

const std::string kCommit(40, 'a');

void read_listing(const hub::HubRepo& repo, const std::string& body) {
  const hub::HubListing listing = hub::parse_listing(repo, body);
  require(listing.commit.size() == 40, "no commit");
  for (const hub::RepoKind kind : {hub::RepoKind::model, hub::RepoKind::dataset}) {
    try {
      for (const std::string& name : hub::files_to_fetch(kind, "org/name", listing.names)) {
        const std::filesystem::path path = std::filesystem::path("/cache/snapshot") / name;
        require(path.lexically_normal() == path && path.string().starts_with("/cache/snapshot/"),
                "a name leads out");
        touch(hub::file_path(repo, listing.commit, name));
      }
    } catch (const Error& error) {
      require(error.kind() == ErrorKind::data, error.what());
    }
  }
}

void read_headers(const hub::HubRepo& repo, std::string_view text) {
  hub::HttpResponse response;
  response.status = 200;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      response.status = static_cast<long>(200 + line.size());
    } else {
      response.headers[std::string(line.substr(0, colon))] = line.substr(colon + 1);
    }
  }
  const hub::HubFile file = hub::file_of_answer(repo, kCommit, "config.json", response);
  require(file.etag.find_first_not_of("0123456789abcdef") == std::string::npos && file.etag.size() >= 40,
          "not a hash");
}

void read_redirect(const std::string& location) {
  for (const char* base : {"https://user:secretword@hub.example/a/b?c", "http://127.0.0.1:80/x"}) {
    const std::string next = hub::resolve_redirect(base, location);
    if (next.empty()) continue;
    const std::string origin = hub::url_origin(next);
    require(origin.starts_with("http://") || origin.starts_with("https://"), "a redirect to another scheme");
    require(base[4] != 's' || origin.starts_with("https://"), "a redirect from https to http");
    require(next.find("secretword") == std::string::npos || location.find("secretword") != std::string::npos,
            "a redirect took the password along");
    touch(hub::url_for_messages(next));
  }
  touch(hub::url_for_messages(location));
}

}  // namespace

const MemoryBound kMemoryBound{256, 256 << 10};

void read_input(std::string_view input) {
  if (input.empty()) return;
  static const hub::HubClientOptions options = [] {
    hub::HubClientOptions made;
    made.cache = "/cache";
    made.token = "hf_token";
    return made;
  }();
  const hub::HubRepo repo{options, hub::RepoKind::model, {"org/name", "main"}};
  const std::string rest(input.substr(1));
  if (input[0] == 'l') return read_listing(repo, rest);
  if (input[0] == 'h') return read_headers(repo, rest);
  read_redirect(rest);
}

}  // namespace armorm::fuzz
