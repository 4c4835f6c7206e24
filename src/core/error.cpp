#include "core/error.h"

#include <fmt/core.h>

namespace armorm {

void fail(ErrorKind kind, fmt::string_view format, fmt::format_args args) {
  throw Error(kind, fmt::vformat(format, args));
}

}  // namespace armorm
