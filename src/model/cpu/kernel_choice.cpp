#include "model/cpu/kernel_choice.h"

#include <ATen/Version.h>
#include <cpuid.h>
#include <fmt/core.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "model/cpu/brgemm.h"
#include "model/cpu/cpu_features.h"
#include "model/cpu/panel_kernels.h"

namespace armorm::model::cpu {
namespace {

struct Registers {
  unsigned a = 0, b = 0, c = 0, d = 0;
};

// Zeros for a leaf that the processor does not have.
Registers cpuid(unsigned leaf, unsigned part) {
  Registers r;
  __get_cpuid_count(leaf, part, &r.a, &r.b, &r.c, &r.d);
  return r;
}

std::string vendor() {
  const Registers r = cpuid(0, 0);
  std::array<char, 12> name{};
  std::memcpy(name.data(), &r.b, 4);
  std::memcpy(name.data() + 4, &r.d, 4);
  std::memcpy(name.data() + 8, &r.c, 4);
  return {name.begin(), name.end()};
}

// Level of the processor, independent of LibTorch's settings: our own kernels are compiled for each of these
// levels.
std::string level() {
  const bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return v4 ? "x86-64-v4" : __builtin_cpu_supports("avx2") ? "x86-64-v3" : "x86-64";
}

// With the names of /proc/cpuinfo; bits from Intel's manual, volume 2, CPUID leaf 7.
std::string matrix_features() {
  std::string names;
  if ((cpuid(7, 1).a >> 5 & 1U) != 0) names += ", avx512_bf16";
  if ((cpuid(7, 0).d >> 22 & 1U) != 0) names += ", amx_bf16";
  return names;
}

// Variables that make oneDNN or MKL choose other kernels than the processor's default.
std::string limits() {
  std::string text;
  for (const char* name : {"ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ONEDNN_CPU_ISA_HINTS",
                           "DNNL_CPU_ISA_HINTS", "MKL_ENABLE_INSTRUCTIONS", "MKL_CBWR"})
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0')
      text += std::string(", ") + name + "=" + value;
  return text;
}

}  // namespace

std::string processor_name() {
  const unsigned signature = cpuid(1, 0).a;
  const unsigned family = signature >> 8 & 15U;
  const unsigned model = (signature >> 4 & 15U) | (signature >> 12 & 0xf0U);
  const CpuFeatures& f = cpu_features();
  std::string name =
      fmt::format("{} {}-{}-{}", vendor(), family == 15 ? family + (signature >> 20 & 255U) : family, model,
                  signature & 15U);
  if (f.avx2 && !f.avx512) name += ", avx2";
  if (f.avx512) name += ", avx512";
  if (f.avx512_bf16) name += ", avx512_bf16";
  if (f.avx512_vnni) name += ", avx512_vnni";
  if (panel_kernel(CpuKernels::amx, Operand::bf16) != nullptr) name += ", amx";
  return name;
}

std::string cpu_kernel_choice() {
  std::string products;
  if (supports_brgemm(at::kBFloat16)) products += " bf16";
  if (supports_brgemm(at::kFloat)) products += " fp32";
  return vendor() + " " + level() + matrix_features() + ", LibTorch's for " + at::get_cpu_capability() +
         (products.empty() ? ", no brgemm" : ", brgemm" + products) + limits();
}

}  // namespace armorm::model::cpu
