#include "serve/http_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "core/log.h"
#include "serve/http_head.h"

namespace armorm::serve {
namespace {

std::string_view reason_of(int status) {
  static constexpr std::pair<int, std::string_view> kReasons[] = {
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {204, "No Content"},
      {304, "Not Modified"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {411, "Length Required"},
      {413, "Content Too Large"},
      {415, "Unsupported Media Type"},
      {417, "Expectation Failed"},
      {422, "Unprocessable Content"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {505, "HTTP Version Not Supported"},
  };
  for (const auto& [known, reason] : kReasons)
    if (known == status) return reason;
  return "Status";
}

bool is_token(std::string_view name) {
  static constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kOthers.find(c) != std::string_view::npos;
  };
  return !name.empty() && std::all_of(name.begin(), name.end(), allowed);
}

bool is_value(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

// These say where an answer ends; a second one could contradict the server's.
bool is_of_the_framing(const std::string& name) {
  static constexpr std::array<std::string_view, 6> kNames = {
      "connection", "content-length", "transfer-encoding", "content-type", "date", "server"};
  return std::find(kNames.begin(), kNames.end(), lower(name)) != kNames.end();
}

bool can_be_sent(const HttpAnswer& answer) {
  return answer.status >= 200 && answer.status <= 599 && is_value(answer.content_type) &&
         std::all_of(answer.headers.begin(), answer.headers.end(), [](const auto& header) {
           return is_token(header.first) && is_value(header.second) && !is_of_the_framing(header.first);
         });
}

// "Sun, 06 Nov 1994 08:49:37 GMT", whatever the locale.
std::string date_now() {
  static constexpr std::string_view kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[utc.tm_wday], utc.tm_mday,
                     kMonths[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

std::string head_start(int status, const std::string& content_type, const AnswerFraming& framing) {
  std::string head =
      fmt::format("HTTP/1.1 {} {}\r\nServer: armorm\r\nDate: {}\r\n", status, reason_of(status), date_now());
  if (!content_type.empty()) head += fmt::format("Content-Type: {}\r\n", content_type);
  if (framing.closes)
    head += "Connection: close\r\n";
  else if (framing.is_http_1_0)
    head += "Connection: keep-alive\r\n";
  return head;
}

std::string common_headers(const HttpAnswer& answer, const AnswerFraming& framing) {
  std::string text;
  if (framing.headers == nullptr) return text;
  const auto has = [&](const std::string& name) {
    return std::any_of(answer.headers.begin(), answer.headers.end(),
                       [&](const auto& header) { return lower(header.first) == lower(name); });
  };
  for (const auto& [name, value] : *framing.headers)
    if (!has(name)) text += fmt::format("{}: {}\r\n", name, value);
  return text;
}

bool has_no_body(int status) { return status == 204 || status == 304; }

}  // namespace

std::string encode_answer(const HttpAnswer& answer, const AnswerFraming& framing) {
  if (!can_be_sent(answer)) {
    log::error("HTTP server: internal error: an answer of status {} has a header that cannot be sent",
               answer.status);
    return encode_answer(plain_error(500, "internal error"), framing);
  }
  const bool is_bare = has_no_body(answer.status);
  std::string text = head_start(answer.status, is_bare ? "" : answer.content_type, framing);
  for (const auto& [name, value] : answer.headers) text += fmt::format("{}: {}\r\n", name, value);
  text += common_headers(answer, framing);
  if (is_bare) return text + "\r\n";
  text += fmt::format("Content-Length: {}\r\n\r\n", answer.body.size());
  if (!framing.is_head_request) text += answer.body;
  return text;
}

std::string encode_start(int status, const std::string& content_type, const AnswerFraming& framing) {
  std::string text = head_start(status, content_type, framing) + common_headers({}, framing);
  if (!framing.is_http_1_0) text += "Transfer-Encoding: chunked\r\n";
  return text + "\r\n";
}

std::string encode_chunk(std::string_view piece) {
  return fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
}

}  // namespace armorm::serve
