#include "hub/http_url.h"

#include <curl/curl.h>
#include <fmt/core.h>

#include <algorithm>
#include <memory>

#include "core/error.h"
#include "hub/http.h"

namespace armorm::hub {
namespace {

using Url = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

Url parse(const std::string& text) {
  Url url(curl_url(), curl_url_cleanup);
  if (!url) fail_internal("libcurl has no memory for a URL");
  if (text.find('\0') != std::string::npos ||
      curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK)
    url.reset();
  return url;
}

std::string part(const Url& url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url.get(), which, &text, flags) != CURLUE_OK) return "";
  std::string out = text;
  curl_free(text);
  return out;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); });
  return text;
}

bool is_web(const Url& url) {
  const std::string scheme = lower(part(url, CURLUPART_SCHEME));
  return scheme == "http" || scheme == "https";
}

}  // namespace

std::string url_for_messages(const std::string& text) {
  const Url url = parse(text);
  if (!url) return "(a URL that cannot be read)";
  for (const CURLUPart secret : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT})
    curl_url_set(url.get(), secret, nullptr, 0);
  return part(url, CURLUPART_URL);
}

std::string url_escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string url_origin(const std::string& text) {
  const Url url = parse(text);
  if (!url || !is_web(url))
    fail_usage("{}: expected a URL that begins with http:// or https://", url_for_messages(text));
  return fmt::format("{}://{}:{}", lower(part(url, CURLUPART_SCHEME)), lower(part(url, CURLUPART_HOST)),
                     part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT));
}

std::string resolve_redirect(const std::string& base, const std::string& location) {
  const Url url = parse(base);
  if (!url || location.find('\0') != std::string::npos) return "";
  const bool was_secure = lower(part(url, CURLUPART_SCHEME)) == "https";
  // The user and password of the base do not belong to the target.
  curl_url_set(url.get(), CURLUPART_USER, nullptr, 0);
  curl_url_set(url.get(), CURLUPART_PASSWORD, nullptr, 0);
  if (curl_url_set(url.get(), CURLUPART_URL, location.c_str(), 0) != CURLUE_OK || !is_web(url)) return "";
  if (was_secure && lower(part(url, CURLUPART_SCHEME)) != "https") return "";
  return part(url, CURLUPART_URL);
}

}  // namespace armorm::hub
