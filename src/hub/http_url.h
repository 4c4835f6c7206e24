// The few questions about URLs that a client must answer the way libcurl itself does.
#pragma once

#include <string>

namespace armorm::io {

// "scheme://host:port" in lower case, with the port spelt out. Usage error when it is not an http(s) URL.
std::string url_origin(const std::string& url);
// `location` as a redirect from `base`. Empty when it is no http(s) URL or goes from https to http.
std::string resolve_redirect(const std::string& base, const std::string& location);

}  // namespace armorm::io
