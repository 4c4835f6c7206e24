// What a stage works in, besides its options; the defaults are a program's.
#pragma once

#include <functional>

#include "io/file_system.h"

namespace armorm {

struct StageEnvironment {
  FileSystem& files = posix_file_system();
  // Asked between two passes of the backbone, by any thread; true ends the stage with an interrupted error
  // once what was computed is durable. Empty = never.
  std::function<bool()> stop_requested = {};

  bool stopping() const { return stop_requested && stop_requested(); }
};

}  // namespace armorm
