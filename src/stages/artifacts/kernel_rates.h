// <data_root>/cpu_kernels.json: the rates of the CPU kernels, measured once on each kind of processor for
// each shape of product, so that every run chooses the same ones.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "armorm/precision.h"
#include "io/file_system.h"
#include "model/cpu_kernels.h"
#include "model/model_config.h"

namespace armorm::stages::artifacts {

std::filesystem::path kernel_rates_path(const std::filesystem::path& data_root);

// All that rates depend on, by name: processor, versions, threads, and what was computed.
using MeasuredWork = std::map<std::string, std::string>;

// The processor and the versions, to which `work` is added.
MeasuredWork on_this_processor(int threads, MeasuredWork work);
// The layers of a model.
MeasuredWork layers_of(const model::ModelConfig& config, Precision precision, bool batch_invariant,
                       int threads);

// Those of kernels of `available` that `file` has for this work; empty if it lacks one of them. A damaged
// file is warned of and counts as empty.
std::vector<model::KernelRate> read_kernel_rates(const std::filesystem::path& file, const MeasuredWork& work,
                                                 const std::vector<CpuKernels>& available);

// Adds the rates to `file`, unless another process has added its own since: returns those in the file. A file
// that cannot be written is warned of. Another process's rates of other work may get lost, and are then
// measured again.
std::vector<model::KernelRate> keep_kernel_rates(const std::filesystem::path& file, const MeasuredWork& work,
                                                 const std::vector<model::KernelRate>& rates,
                                                 io::FileSystem& files);

}  // namespace armorm::stages::artifacts
