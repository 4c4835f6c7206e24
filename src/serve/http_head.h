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

// {"error": {"message": ..., "type": ...}}
HttpAnswer plain_error(int status, std::string_view message);

}  // namespace armorm::serve
