// The environment variables of the Hub's own client.
#include "hub/environment.h"

#include <algorithm>
#include <cstdlib>
#include <regex>

#include "core/error.h"
#include "core/strings.h"
#include "core/version.h"
#include "hub/client.h"
#include "hub/http_url.h"
#include "io/read_file.h"

namespace armorm::hub {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxTokenBytes = 4096;

// Python's os.path.expandvars: the values of $NAME and ${NAME}; a variable that is not set stays as it is.
std::string with_variables(const std::string& text) {
  static const std::regex variable(R"(\$(?:([A-Za-z0-9_]+)|\{([^}]*)\}))");
  std::string result;
  auto rest = text.cbegin();
  for (std::sregex_iterator match(text.begin(), text.end(), variable), end; match != end; ++match) {
    result.append(rest, (*match)[0].first);
    const char* value = std::getenv(((*match)[1].str() + (*match)[2].str()).c_str());
    result += value != nullptr ? value : (*match)[0].str();
    rest = (*match)[0].second;
  }
  return result.append(rest, text.cend());
}

bool is_true(std::string value) {
  std::transform(value.begin(), value.end(), value.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return value == "1" || value == "ON" || value == "YES" || value == "TRUE";
}

// The message names the source of the token, never the token.
std::string checked_token(const std::string& text, const std::string& source) {
  std::string token(trimmed(text));
  if (std::any_of(token.begin(), token.end(), [](char c) { return c <= 0x20 || c > 0x7e; }))
    fail_usage("{}: expected an access token, one word of printable ASCII; copy it again from the Hub",
               source);
  return token;
}

std::string find_token() {
  if (is_true(environment("HF_HUB_DISABLE_IMPLICIT_TOKEN"))) return "";
  for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {
    if (std::string token = checked_token(environment(name), name); !token.empty()) return token;
  }
  const std::string named = environment("HF_TOKEN_PATH");
  const fs::path file = named.empty() ? hub_home() / "token" : expanded(named);
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) return "";
  return checked_token(io::read_text_file(file, kMaxTokenBytes), file.string());
}

}  // namespace

std::string environment(const char* name) {
  const char* found = std::getenv(name);
  return found != nullptr ? found : "";
}

fs::path expanded(const std::string& path) {
  if (path == "~" || path.starts_with("~/")) return environment("HOME") + with_variables(path.substr(1));
  return with_variables(path);
}

fs::path hub_home() {
  if (const std::string home = environment("HF_HOME"); !home.empty()) return expanded(home);
  if (const std::string cache = environment("XDG_CACHE_HOME"); !cache.empty())
    return expanded(cache) / "huggingface";
  return fs::path(environment("HOME")) / ".cache/huggingface";
}

bool is_commit(std::string_view text) {
  constexpr std::size_t kDigits = 40;
  return is_lower_hex(text, kDigits);
}

HubClientOptions hub_client_options() {
  HubClientOptions options;
  options.cache = hub_cache_folder();
  if (const std::string endpoint(trimmed(environment("HF_ENDPOINT"))); !endpoint.empty())
    options.endpoint = endpoint;
  while (options.endpoint.ends_with('/')) options.endpoint.pop_back();
  url_origin(options.endpoint);  // usage error when it is not a URL
  options.token = find_token();
  return options;
}

std::string offline_variable(RepoKind kind) {
  for (const char* name : {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"})
    if (is_true(environment(name))) return name;
  constexpr const char* kDatasets = "HF_DATASETS_OFFLINE";
  return kind == RepoKind::dataset && is_true(environment(kDatasets)) ? kDatasets : "";
}

}  // namespace armorm::hub
