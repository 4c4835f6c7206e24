// Everything that determines the bytes of a run, item by item.
#pragma once

#include <string>
#include <vector>

#include "core/options.h"
#include "stages/resume/journal.h"

namespace armorm::stages::resume {

// Device and libraries, as far as they change the results: "device" ("cpu, 8 threads" or "cuda NVIDIA H200"),
// "LibTorch" (its version), and on the CPU "CPU kernels" (see cpu_kernel_choice()).
ResumeKey arithmetic_key(int device, int threads);

// "--name" of each option that changes results, with its value.
ResumeKey options_key(const std::vector<OptionValue>& options);

// "weights (1a2b... then, 3c4d... now), --seed (0 then, 1 now)"
std::string differences_of(const ResumeKey& then, const ResumeKey& now);

// Digest of the complete key; stored in the published file.
std::string digest_of(const ResumeKey& key);

}  // namespace armorm::stages::resume
