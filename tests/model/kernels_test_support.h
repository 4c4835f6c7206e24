// Runs a check with every kind of CPU kernels that this processor has.
#pragma once

#include "core/words.h"
#include "model/cpu_kernels.h"
#include "support/test_support.h"

namespace armorm::test {

// Puts the kernels in use back.
class KernelsGuard {
 public:
  KernelsGuard() : before_(model::kernels_in_use()) {}
  KernelsGuard(const KernelsGuard&) = delete;
  KernelsGuard& operator=(const KernelsGuard&) = delete;
  ~KernelsGuard() { model::use_kernels(before_); }

 private:
  CpuKernels before_;
};

template <class Check>
void with_every_kernels(Precision precision, bool batch_invariant, const Check& check) {
  const KernelsGuard guard;
  const std::vector<CpuKernels> all = model::available_kernels(precision, batch_invariant);
  if (all.empty()) ARMORM_SKIP("this processor has no such kernels");
  for (const CpuKernels kernels : all) {
    CAPTURE(name_of(kernels));
    model::use_kernels(kernels);
    check();
  }
}

}  // namespace armorm::test
