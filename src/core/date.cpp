#include "core/date.h"

#include <cstdio>

#include "core/error.h"

namespace armorm {

std::chrono::year_month_day parse_date(std::string_view what, const std::string& text) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int end = 0;
  const bool plain = text.size() == 10 && text.find_first_not_of("0123456789-") == std::string::npos;
  // No field has more than four digits, so none overflows. NOLINTNEXTLINE(cert-err34-c)
  const int fields = std::sscanf(text.c_str(), "%4d-%2u-%2u%n", &year, &month, &day, &end);
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!plain || fields != 3 || end != 10 || year < 1970 || !date.ok())
    fail_usage("{}: '{}' is not a date; use YYYY-MM-DD from 1970 on, such as 2024-07-26", what, text);
  return date;
}

}  // namespace armorm
