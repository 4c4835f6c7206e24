// URL operations that must agree with libcurl's own parsing.
#pragma once

#include <string>

namespace armorm::hub {

// "scheme://host:port" in lower case, with an explicit port. Usage error when the text is not an http(s) URL.
std::string url_origin(const std::string& text);
// `location` as a redirect from `base`. Empty when it is not an http(s) URL or leads from https to http.
std::string resolve_redirect(const std::string& base, const std::string& location);

}  // namespace armorm::hub
