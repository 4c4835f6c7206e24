// The parts of tokenizer.json that no component reads: `tokenizers` checks them, and so does this.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace armorm::text::tokenizer {

// Parses tokenizer.json and checks its version, its fields, and the truncation and padding that are stored in
// it (neither is applied). A data error names the field.
nlohmann::json parse_document(std::string_view text, const std::string& origin);

}  // namespace armorm::text::tokenizer
