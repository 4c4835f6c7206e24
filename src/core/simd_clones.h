// ARMORM_SIMD before a function compiles it for several processor levels; the loader picks one at startup.
#pragma once

// Under the thread sanitizer the loader would run instrumented code before the sanitizer is initialised.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define ARMORM_SIMD __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define ARMORM_SIMD
#endif
