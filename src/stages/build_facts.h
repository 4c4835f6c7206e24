// The libraries that a program runs with, for --version and bug reports.
#pragma once

#include "core/version.h"

namespace armorm::stages {

// LibTorch and the instructions its kernels use, CUDA and the devices present, Arrow, and the OpenBLAS found
// at run time. Never fails: an unknown fact is reported as missing. Loads OpenBLAS.
BuildFacts library_facts();

}  // namespace armorm::stages
