// Which LibTorch the program runs with, and what it computes on.
#pragma once

#include <string>

#include "core/version.h"

namespace armorm::model {

std::string libtorch_version();

// LibTorch and the instructions its kernels use; CUDA and the devices that are there. Never fails: what
// cannot be found out is reported as missing.
BuildFacts libtorch_facts();

}  // namespace armorm::model
