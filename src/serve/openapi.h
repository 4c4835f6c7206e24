// The description of the server's paths for clients and tools: OpenAPI 3.1.
#pragma once

#include <string>

namespace armorm::serve {

std::string openapi_text();  // JSON

}  // namespace armorm::serve
