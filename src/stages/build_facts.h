// The libraries that a program runs with, for --version and for reports of faults.
#pragma once

#include "core/version.h"

namespace armorm {

// LibTorch and the instructions its kernels use, CUDA and the devices that are there, Arrow, and OpenBLAS as
// it was found at run time. Never fails: what cannot be told is said to be missing. Loads OpenBLAS.
BuildFacts library_facts();

}  // namespace armorm
