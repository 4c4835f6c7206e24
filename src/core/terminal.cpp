#include "core/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string>

namespace armorm::terminal {
namespace {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// "de_DE.UTF-8@euro" -> "utf8"
std::string codeset_of(const std::string& locale) {
  const std::size_t dot = locale.find('.');
  if (dot == std::string::npos) return "";
  std::string out;
  for (const char c : locale.substr(dot + 1, locale.find('@') - dot - 1))
    if (c != '-') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

}  // namespace

bool uses_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (const std::string locale = variable(name); !locale.empty()) return codeset_of(locale) == "utf8";
  return false;
}

bool redraws(int descriptor) { return isatty(descriptor) == 1 && variable("TERM") != "dumb"; }

bool uses_color(int descriptor) { return redraws(descriptor) && variable("NO_COLOR").empty(); }

std::size_t columns(int descriptor, std::size_t otherwise) {
  winsize size{};
  if (isatty(descriptor) != 1 || ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
    return otherwise;
  return size.ws_col;
}

}  // namespace armorm::terminal
