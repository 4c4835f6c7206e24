#include "model/cpu/cpu_features.h"

#include <cpuid.h>

#include <cstdlib>
#include <string_view>

namespace armorm::model::cpu {
namespace {

bool bit(unsigned word, int place) { return (word >> place & 1U) != 0; }

// AVX2 and AVX-512 by the compiler's test, which asks the operating system too; the rest as in Intel's
// manual, volume 2, CPUID leaf 7.
CpuFeatures find_features() {
  const char* variable = std::getenv("ATEN_CPU_CAPABILITY");
  const std::string_view limit = variable == nullptr ? "" : variable;
  CpuFeatures f;
  if (limit == "default") return f;
  f.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  f.avx512 = limit != "avx2" && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (!f.avx512 || __get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return f;
  f.avx512_vnni = bit(c, 11);
  f.amx_bf16 = bit(d, 22);
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d) != 0) f.avx512_bf16 = bit(a, 5);
  return f;
}

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = find_features();
  return features;
}

}  // namespace armorm::model::cpu
