#include "core/version.h"

#include <fmt/core.h>

#include <string_view>

namespace armorm {
namespace {

#ifdef NDEBUG
constexpr const char* kBuild = "release";
#else
constexpr const char* kBuild = "debug";
#endif

std::string compiler() {
#if defined(__clang__)
  return fmt::format("clang {}.{}", __clang_major__, __clang_minor__);
#else
  return fmt::format("gcc {}.{}", __GNUC__, __GNUC_MINOR__);
#endif
}

const char* cpu_level() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  // Levels by their features: clang 14 does not know the names of the levels.
  const auto all = [](auto... supported) { return (... && (supported != 0)); };
  const bool v2 = all(__builtin_cpu_supports("ssse3"), __builtin_cpu_supports("sse4.2"),
                      __builtin_cpu_supports("popcnt"));
  const bool v3 = v2 && all(__builtin_cpu_supports("avx2"), __builtin_cpu_supports("bmi"),
                            __builtin_cpu_supports("bmi2"), __builtin_cpu_supports("fma"));
  const bool v4 = v3 && all(__builtin_cpu_supports("avx512f"), __builtin_cpu_supports("avx512bw"),
                            __builtin_cpu_supports("avx512cd"), __builtin_cpu_supports("avx512dq"),
                            __builtin_cpu_supports("avx512vl"));
  return v4 ? "x86-64-v4" : v3 ? "x86-64-v3" : v2 ? "x86-64-v2" : "x86-64";
#else
  return "not x86-64";
#endif
}

}  // namespace

// Of the project() call in CMakeLists.txt, which is the only place that states it.
const char* const kVersion = ARMORM_VERSION;

std::string version_text() { return fmt::format("{} ({}, {})", kVersion, kBuild, compiler()); }

BuildFacts compiler_facts() {
  const std::string_view sanitizers = ARMORM_SANITIZERS;
  return {{"compiler", fmt::format("{}, C++{}, {}", compiler(), __cplusplus / 100 % 100, kBuild)},
          {"sanitizers", std::string(sanitizers.empty() ? "none" : sanitizers)},
          {"processor", cpu_level()}};
}

}  // namespace armorm
