// JSON of files we did not write: no duplicate keys, and a bounded depth.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace armorm::io {

// Parses one JSON document. Throws a data error that begins with `where` on a syntax error, on text that is
// not UTF-8, on a key that appears twice in one object and on nesting deeper than `max_depth`.
nlohmann::json parse_checked_json(std::string_view text, const std::string& where, int max_depth);

}  // namespace armorm::io
