// JSON of files we did not write: no duplicate keys, and a bounded depth.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace armorm::io {

// Parses one JSON document. Throws a data error that begins with `where` on a syntax error, on text that is
// not UTF-8, on a key that appears twice in one object and on nesting deeper than `max_depth`.
nlohmann::json parse_checked_json(std::string_view text, const std::string& where, int max_depth);

// The byte at which brackets outside strings nest deeper than `max_depth`. To be asked before a parser that
// recurses over what it built.
std::optional<std::size_t> first_too_deep(std::string_view text, int max_depth);

}  // namespace armorm::io
