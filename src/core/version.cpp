#include "armorm/core/version.h"

#include <fmt/format.h>

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
  if (__builtin_cpu_supports("x86-64-v4")) return "x86-64-v4";
  if (__builtin_cpu_supports("x86-64-v3")) return "x86-64-v3";
  if (__builtin_cpu_supports("x86-64-v2")) return "x86-64-v2";
  return "x86-64";
#else
  return "not x86-64";
#endif
}

}  // namespace

const char* const kVersion = ARMORM_VERSION;

std::string version_text() { return fmt::format("{} ({}, {})", kVersion, kBuild, compiler()); }

BuildFacts compiler_facts() {
  const std::string sanitizers = ARMORM_SANITIZERS;
  return {{"compiler", fmt::format("{}, C++{}, {}", compiler(), __cplusplus / 100 % 100, kBuild)},
          {"sanitizers", sanitizers.empty() ? "none" : sanitizers},
          {"processor", cpu_level()}};
}

}  // namespace armorm
