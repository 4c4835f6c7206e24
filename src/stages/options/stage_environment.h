// The environment of a stage, besides its options; the defaults suit a program.
#pragma once

#include "armorm/stop.h"
#include "io/file_system.h"

namespace armorm::stages::options {

struct StageEnvironment {
  io::FileSystem& files = io::posix_file_system();
  StopRequested stop_requested = {};  // asked between two passes of the backbone and by every stop point

  bool stopping() const { return stop_requested && stop_requested(); }
};

}  // namespace armorm::stages::options
