// What a stage works in, besides its options; the defaults are a program's.
#pragma once

#include "armorm/stop.h"
#include "io/file_system.h"

namespace armorm {

struct StageEnvironment {
  FileSystem& files = posix_file_system();
  StopRequested stop_requested = {};  // asked between two passes of the backbone

  bool stopping() const { return stop_requested && stop_requested(); }
};

}  // namespace armorm
