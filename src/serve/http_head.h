// From a request's target to HttpHead, and the bodies of the server's own refusals.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "serve/http_server.h"

namespace armorm::serve {

// Splits "/a%20b?c=d" or "http://host/a?c" into path, decoded, and query. nullopt for what is neither.
struct Target {
  std::string path;
  std::string query;
};
std::optional<Target> parse_target(std::string_view target);

bool equal_ignoring_case(std::string_view a, std::string_view b);

struct MediaType {
  std::string name;     // in lower case: "application/json"
  std::string charset;  // in lower case, without quotes; empty if none is given
};
// Of a Content-Type header: "Application/JSON; charset=utf-8".
MediaType parse_media_type(std::string_view content_type);

// {"error": {"message": ..., "type": ...}}
HttpAnswer plain_error(int status, std::string_view message);

}  // namespace armorm::serve
