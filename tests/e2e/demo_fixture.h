// A small demo model with data sets, made once per test process by armorm-make-demo, and edited copies of it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "support/process.h"
#include "support/test_support.h"

namespace armorm::test {

// <dir>/model, <dir>/multi-objective, <dir>/preference, <dir>/reference, <dir>/reward-bench,
// <dir>/reward-bench-2
const std::filesystem::path& demo_dir();

// A run of all four stages over demo_dir() in fp32 on the CPU, made once: its data root.
const std::filesystem::path& demo_run();

// The reward model that stage2-train exports from it, made once.
const std::filesystem::path& demo_export();

// Flags that run a stage on the demo; `root` is --data_root.
std::vector<std::string> stage_flags(const std::string& program, const std::filesystem::path& demo,
                                     const std::filesystem::path& root);

// Runs a stage on the demo with `more` flags; the test fails if the stage fails.
ProcessResult run_stage(const std::string& program, const std::filesystem::path& root,
                        const std::vector<std::string>& more);

void copy_tree(const std::filesystem::path& from, const std::filesystem::path& to);
void write_text(const std::filesystem::path& path, const std::string& text);
std::string replace_in_file(const std::filesystem::path& path, const std::string& from,
                            const std::string& to);
// Gives a safetensors file that a test edited the digests of what it holds now.
void digest_again(const std::filesystem::path& path);
// The interpreter of scripts/setup.sh --dev, with transformers; empty where it is not installed.
std::string dev_python();
void truncate_file(const std::filesystem::path& path, std::uintmax_t bytes);

}  // namespace armorm::test
