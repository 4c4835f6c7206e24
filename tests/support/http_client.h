// Requests to a server under test, through libcurl.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace armorm::test {

struct ClientReply {
  long status = 0;  // 0: no answer
  std::string body;
  std::map<std::string, std::string> headers;  // names in lower case
};

// One request on a connection of its own; `headers` as "Name: value".
ClientReply http_request(const std::string& method, const std::string& url, const std::string& body = "",
                         const std::vector<std::string>& headers = {});

}  // namespace armorm::test
