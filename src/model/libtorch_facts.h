// The LibTorch that the program runs with, and its devices.
#pragma once

#include <string>

#include "core/version.h"

namespace armorm::model {

std::string libtorch_version();

// LibTorch and the instructions its kernels use; CUDA and the devices present. Never fails: an unknown fact
// is reported as missing.
BuildFacts libtorch_facts();

}  // namespace armorm::model
