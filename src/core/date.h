// Calendar days in settings and config files.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace armorm {

// Parses "YYYY-MM-DD", from 1970 on. usage error that begins with `what`, the setting or field with the text.
std::chrono::year_month_day parse_date(std::string_view what, const std::string& text);

}  // namespace armorm
