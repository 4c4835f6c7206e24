// The extraction options that the tests of the prepare stages share.
#pragma once

#include <filesystem>

#include "armorm/extraction_options.h"
#include "support/fixed_kernels.h"

namespace armorm::test {

// On the CPU with one thread, written below `root`.
inline ExtractionOptions cpu_extraction(const std::filesystem::path& model,
                                        const std::filesystem::path& root) {
  ExtractionOptions options;
  options.model_path = model.string();
  options.data_root = root.string();
  options.device = -1;
  options.kernels = fixed_kernels();
  options.threads = 1;
  return options;
}

}  // namespace armorm::test
