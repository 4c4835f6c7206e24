// Which CPU kernels a run uses: those given, those recorded with what it continues, or the fastest.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "armorm/cpu_kernels.h"
#include "armorm/precision.h"
#include "io/file_system.h"
#include "model/cpu_kernels.h"
#include "model/model_config.h"
#include "stages/artifacts/kernel_rates.h"

namespace armorm::stages::artifacts {

// What --precision and --batch_invariant say of the products.
struct ProductKind {
  Precision precision = Precision::bf16;
  bool batch_invariant = false;
};

// In order of preference. Where this project's own and oneDNN's need a later processor, LibTorch's serve
// batch_invariant products too.
std::vector<CpuKernels> available_kernels(const ProductKind& products);
// The kernels that `given` stands for: float32 products of avx512_bf16 and amx are those of avx512. usage
// error that lists the available ones if this processor does not have them, or not for such products. auto
// stays auto.
CpuKernels checked_kernels(CpuKernels given, const ProductKind& products);
// The same of a recorded word; nullopt in place of an error.
std::optional<CpuKernels> usable_kernels(std::string_view recorded, const ProductKind& products);
// "for bf16 with --batch_invariant this processor has avx512, onednn"
std::string available_text(const ProductKind& products);

struct MeasuredKernels {
  CpuKernels kernels = CpuKernels::measured;  // the preferred ones
  std::vector<model::KernelRate> rates;       // of all that are available; empty if there is no choice
  bool from_file = false;

  double rate_of(CpuKernels wanted) const;  // 0 if it was not measured
};
// The file of rates, and whether what is measured is written to it.
struct RatesStore {
  std::filesystem::path file;
  io::FileSystem& files;
  bool keep = true;
};
// The rates of `work` in the file, if it has all of `available`; else those of `measure`. Of one alone
// nothing is measured.
MeasuredKernels measured_kernels(const RatesStore& store, const MeasuredWork& work,
                                 const std::vector<CpuKernels>& available,
                                 const std::function<std::vector<model::KernelRate>()>& measure);
// Of a model's layers, with `threads` threads, which stay set if it measures.
MeasuredKernels measured_kernels(const RatesStore& store, const model::ModelConfig& config,
                                 const ProductKind& products, int threads);
// Logs the preferred kernels and all rates; `source` says where they come from.
void report_measured(const MeasuredKernels& measured, const std::string& source);

}  // namespace armorm::stages::artifacts
