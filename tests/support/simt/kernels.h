// The launchers of model/cuda/kernels.h of the kernels that are compiled as host code. They are in
// armorm::model::cuda_on_host, because a program may have those of the device too.
#pragma once

// NOLINTNEXTLINE(readability-identifier-naming): the name of the namespace
#define cuda cuda_on_host
#include "model/cuda/kernels.h"
#undef cuda
