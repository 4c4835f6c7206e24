#include "hub/http.h"

#include <curl/curl.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <exception>

#include "core/error.h"
#include "core/strings.h"
#include "hub/http_url.h"

namespace armorm::hub {
namespace {

constexpr int kMaxRedirects = 10;
constexpr std::size_t kMaxHeaderBytes = std::size_t{1} << 18;

// curl_global_init must be called once, before the first handle.
bool initialise_curl() {
  static const bool done = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return done;
}

bool is_success(long status) { return status >= 200 && status < 300; }
bool is_redirect(long status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool is_retryable(CURLcode code) {
  constexpr std::array kCodes = {
      CURLE_COULDNT_CONNECT,    CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY,
      CURLE_OPERATION_TIMEDOUT, CURLE_RECV_ERROR,           CURLE_SEND_ERROR,
      CURLE_PARTIAL_FILE,       CURLE_GOT_NOTHING,          CURLE_HTTP2,
      CURLE_HTTP2_STREAM,       CURLE_SSL_CONNECT_ERROR};
  return std::find(kCodes.begin(), kCodes.end(), code) != kCodes.end();
}

// State shared by the callbacks of one transfer.
struct Transfer {
  const HttpSink* sink = nullptr;
  HttpResponse response;
  std::size_t header_bytes = 0;
  std::size_t error_bytes = 0;
  bool head_given = false;
  bool error_cut = false;  // the response is complete but for the rest of an error's body
  std::exception_ptr thrown;

  void add_header(std::string_view line) {
    if (line.starts_with("HTTP/")) {  // an interim or proxy response came before
      response = {};
      const std::size_t space = line.find(' ');
      for (std::size_t i = space + 1; space != std::string_view::npos && i < line.size() && i < space + 4;
           ++i)
        response.status = response.status * 10 + (line[i] >= '0' && line[i] <= '9' ? line[i] - '0' : 0);
      return;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    response.headers[name] = std::string(trimmed(line.substr(colon + 1)));
  }

  void give_head() {
    if (head_given || !is_success(response.status)) return;
    head_given = true;
    if (sink->on_head) sink->on_head(response);
  }
};

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::size_t bytes = size * count;
  transfer.header_bytes += bytes;
  if (transfer.header_bytes > kMaxHeaderBytes) return 0;
  try {
    transfer.add_header({data, bytes});
  } catch (...) {
    transfer.thrown = std::current_exception();
    return 0;
  }
  return bytes;
}

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::size_t bytes = size * count;
  if (!is_success(transfer.response.status)) {
    transfer.error_bytes += bytes;
    transfer.error_cut = transfer.error_bytes > kMaxErrorPage;
    return transfer.error_cut ? 0 : bytes;
  }
  try {
    transfer.give_head();
    if (transfer.sink->on_body) transfer.sink->on_body(std::as_bytes(std::span(data, bytes)));
  } catch (...) {
    transfer.thrown = std::current_exception();
    return 0;
  }
  return bytes;
}

struct HeaderList {
  curl_slist* list = nullptr;
  ~HeaderList() { curl_slist_free_all(list); }
  void add(const std::string& line) {
    if (line.find_first_of(std::string("\r\n\0", 3)) != std::string::npos)
      fail_usage("a header of an HTTP request holds a line break or NUL; check the token's file");
    curl_slist* longer = curl_slist_append(list, line.c_str());
    if (longer == nullptr) fail_internal("libcurl has no memory for a header");
    list = longer;
  }
};

// Called about once a second, also while no data arrives; a nonzero result ends the transfer.
int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto& options = *static_cast<const HttpOptions*>(user);
  return options.stop_requested && options.stop_requested() ? 1 : 0;
}

void watch_for_stop(CURL* curl, const HttpOptions& options) {
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, const_cast<HttpOptions*>(&options));
}

void set_limits(CURL* curl, const HttpOptions& options) {
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(options.low_speed_bytes_per_second));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(options.low_speed_time.count()));
  curl_easy_setopt(curl, CURLOPT_USERAGENT, options.user_agent.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  // We follow redirects ourselves, so that the token is not sent to other hosts.
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_UNRESTRICTED_AUTH, 0L);
  curl_easy_setopt(curl, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
  curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

// libcurl looks for certificates where the distribution it was built for keeps them; the installation may be
// another distribution.
void choose_certificates(CURL* curl) {
  const char* file = std::getenv("SSL_CERT_FILE");
  if (file != nullptr && *file != '\0') curl_easy_setopt(curl, CURLOPT_CAINFO, file);
}

std::optional<std::chrono::milliseconds> retry_after_of(const HttpResponse& response) {
  const std::string text = response.header("retry-after");
  if (text.empty()) return std::nullopt;
  if (text.size() <= 9 && text.find_first_not_of("0123456789") == std::string::npos)
    return std::chrono::seconds(std::stol(text));
  const std::time_t date = curl_getdate(text.c_str(), nullptr);
  if (date < 0) return std::nullopt;
  return std::chrono::seconds(std::max<std::time_t>(0, date - std::time(nullptr)));
}

}  // namespace

std::string HttpResponse::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

void HttpOptions::check_stop(const std::string& what) const {
  if (stop_requested && stop_requested())
    fail_interrupted("{}: asked to stop; downloaded bytes are kept, the same command resumes from them",
                     what);
}

struct HttpClient::Impl {
  CURL* curl = curl_easy_init();
  ~Impl() { curl_easy_cleanup(curl); }

  // One request without redirects. `authorised`: whether the token may be sent.
  HttpOutcome transfer(const HttpOptions& options, const HttpRequest& request, const std::string& url,
                       bool authorised, const HttpSink& sink) const;
};

HttpOutcome HttpClient::Impl::transfer(const HttpOptions& options, const HttpRequest& request,
                                       const std::string& url, bool authorised, const HttpSink& sink) const {
  HeaderList headers;
  headers.add("Accept-Encoding: identity");
  for (const auto& [name, value] : request.headers) headers.add(fmt::format("{}: {}", name, value));
  if (authorised && !request.bearer_token.empty())
    headers.add("Authorization: Bearer " + request.bearer_token);
  Transfer state;
  state.sink = &sink;
  curl_easy_reset(curl);  // keeps the connection
  set_limits(curl, options);
  if (options.stop_requested) watch_for_stop(curl, options);
  choose_certificates(curl);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.list);
  curl_easy_setopt(curl, CURLOPT_NOBODY, request.head ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &state);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &state);
  const CURLcode code = curl_easy_perform(curl);
  if (state.thrown) std::rethrow_exception(state.thrown);
  if (code == CURLE_ABORTED_BY_CALLBACK) options.check_stop(url_for_messages(url));
  HttpOutcome outcome;
  if (code != CURLE_OK && !state.error_cut) {
    outcome.failure = fmt::format("{}: {}", url_for_messages(url), curl_easy_strerror(code));
    outcome.retryable = is_retryable(code);
  } else {
    state.give_head();  // empty body
  }
  outcome.response = std::move(state.response);
  return outcome;
}

HttpClient::HttpClient(HttpOptions options) : options_(std::move(options)) {
  if (!initialise_curl()) fail_internal("libcurl cannot be initialised");
  impl_ = std::make_unique<Impl>();
  if (impl_->curl == nullptr) fail_internal("libcurl has no memory for a handle");
}
HttpClient::~HttpClient() = default;

HttpOutcome HttpClient::send_once(const HttpRequest& request, const HttpSink& sink) {
  options_.check_stop(url_for_messages(request.url));
  const std::string origin = url_origin(request.url);
  std::string url = request.url;
  for (int redirects = 0; redirects <= kMaxRedirects; ++redirects) {
    HttpOutcome outcome = impl_->transfer(options_, request, url, url_origin(url) == origin, sink);
    const long status = outcome.response.status;
    if (!outcome.failure.empty()) return outcome;
    outcome.retryable = status == 408 || status == 429 || status >= 500;
    if (outcome.retryable) outcome.retry_after = retry_after_of(outcome.response);
    const std::string location = outcome.response.header("location");
    if (!is_redirect(status) || location.empty()) return outcome;
    const std::string next = resolve_redirect(url, location);
    if (next.empty()) {
      outcome.failure =
          fmt::format("{}: redirects to an address that is not allowed (not http(s), or from https to http)",
                      url_for_messages(url));
      return outcome;
    }
    if (!request.leave_origin && url_origin(next) != origin) return outcome;
    url = next;
  }
  HttpOutcome outcome;
  outcome.failure = fmt::format("{}: more than {} redirects", url_for_messages(request.url), kMaxRedirects);
  return outcome;
}

}  // namespace armorm::hub
