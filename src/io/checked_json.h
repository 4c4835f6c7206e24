// JSON from files that this program did not write: bounded depth, in time linear in the text.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace armorm::io {

// Parses one JSON document. Throws a data error that begins with `where` on a syntax error, on text that is
// not UTF-8, on a key that appears twice in one object and on nesting deeper than `max_depth`.
nlohmann::json parse_checked_json(std::string_view text, const std::string& where, int max_depth);

// As above; the last of equal keys wins, as in Python.
nlohmann::json parse_json(std::string_view text, const std::string& where, int max_depth);

// As above, with the members in the order of the text.
nlohmann::ordered_json parse_ordered_json(std::string_view text, const std::string& where, int max_depth);

}  // namespace armorm::io
