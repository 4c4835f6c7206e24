#include "serve/http_head.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/strings.h"

namespace armorm::serve {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

// Without escapes that are no two hex digits, and without control characters.
std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return std::nullopt;
    out += c;
  }
  return out;
}

std::string lower_trimmed(std::string_view text) {
  std::string out(trimmed(text));
  std::ranges::transform(out, out.begin(), lower);
  return out;
}

std::string_view type_of(int status) {
  if (status == 401) return "authentication_error";
  if (status == 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

}  // namespace

std::string_view HttpHead::header(std::string_view name) const {
  const auto found = std::ranges::find_if(
      headers, [&](const auto& header) { return equal_ignoring_case(header.first, name); });
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<Target> parse_target(std::string_view target) {
  if (const std::size_t scheme = target.find("://");
      scheme != std::string_view::npos && target.front() != '/') {
    const std::size_t path = target.find('/', scheme + 3);
    target = path == std::string_view::npos ? "/" : target.substr(path);
  }
  if (!target.starts_with('/')) return std::nullopt;
  const std::size_t mark = target.find('?');
  std::optional<std::string> path = decoded(target.substr(0, mark));
  if (!path) return std::nullopt;
  const std::string_view query = mark == std::string_view::npos ? "" : target.substr(mark + 1);
  return Target{std::move(*path), std::string(query)};
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

MediaType parse_media_type(std::string_view content_type) {
  constexpr std::string_view kCharset = "charset=";
  MediaType type;
  std::size_t end = content_type.find(';');
  type.name = lower_trimmed(content_type.substr(0, end));
  while (end != std::string_view::npos) {
    content_type.remove_prefix(end + 1);
    end = content_type.find(';');
    std::string parameter = lower_trimmed(content_type.substr(0, end));
    if (!parameter.starts_with(kCharset)) continue;
    type.charset = parameter.substr(kCharset.size());
    std::erase(type.charset, '"');
  }
  return type;
}

HttpAnswer plain_error(int status, std::string_view message) {
  const nlohmann::json body{{"error", {{"message", message}, {"type", type_of(status)}}}};
  return {status, "application/json",
          body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
}

}  // namespace armorm::serve
