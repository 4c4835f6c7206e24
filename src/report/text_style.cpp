#include "report/text_style.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "core/display_width.h"
#include "core/terminal.h"

namespace armorm::report {
namespace {

// Eighths of a column, from one.
constexpr std::string_view kEighths[] = {"\u258f", "\u258e", "\u258d", "\u258c",
                                         "\u258b", "\u258a", "\u2589"};
constexpr std::string_view kFull = "\u2588";

}  // namespace

TextStyle output_style() {
  return {std::clamp(terminal::columns(STDOUT_FILENO, kMaxColumns), kMinColumns, kMaxColumns),
          terminal::uses_utf8()};
}

std::string paragraph(std::string_view text, std::size_t indent) {
  constexpr std::size_t kNoTerminal = 0;
  const std::size_t columns = terminal::columns(STDOUT_FILENO, kNoTerminal);
  if (columns == kNoTerminal) return std::string(text) + "\n";
  return wrapped_words(text, std::clamp(columns, kMinColumns, kMaxColumns), indent) + "\n";
}

std::string bar(double fraction, std::size_t columns, const TextStyle& style) {
  if (std::isnan(fraction)) return "";
  const double length = std::clamp(fraction, 0.0, 1.0) * static_cast<double>(columns);
  if (!style.unicode) return std::string(static_cast<std::size_t>(std::lround(length)), '#');
  const auto eighths = static_cast<std::size_t>(std::lround(8.0 * length));
  std::string out;
  for (std::size_t i = 0; i < eighths / 8; ++i) out += kFull;
  if (eighths % 8 > 0) out += kEighths[eighths % 8 - 1];
  return out;
}

}  // namespace armorm::report
