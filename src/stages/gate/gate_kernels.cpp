#include "stages/gate/gate_kernels.h"

#include <fmt/core.h>

#include <optional>
#include <string>

#include "core/error.h"
#include "core/log.h"
#include "core/words.h"
#include "gating/gate_rates.h"
#include "io/writable_file.h"
#include "model/compute_threads.h"
#include "model/cpu_kernels.h"
#include "stages/artifacts/kernel_choice.h"
#include "stages/artifacts/kernel_rates.h"
#include "stages/gate/checkpoint_file.h"
#include "stages/gate/gate_training.h"

namespace armorm::stages::gate {
namespace fs = std::filesystem;
namespace {

artifacts::ProductKind products_of(const Stage2TrainOptions& options) {
  return {gating::product_precision(options.precision), false};
}

// Those of a training on a CPU; nullopt for a damaged file, which is reported when it is taken over.
std::optional<CpuKernels> kernels_in(const fs::path& file, const Stage2TrainOptions& options) {
  if (!io::exists(file)) return std::nullopt;
  try {
    const resume::ResumeKey key = read_checkpoint(file).key;
    const auto found = key.find("--kernels");
    if (found == key.end() || !key.contains("CPU kernels")) return std::nullopt;
    return artifacts::usable_kernels(found->second, products_of(options));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    return std::nullopt;
  }
}

std::optional<CpuKernels> recorded_kernels(const fs::path& checkpoint, const Stage2TrainOptions& options) {
  for (const fs::path& file : {checkpoint, previous_save_of(checkpoint)})
    if (const auto kernels = kernels_in(file, options)) {
      log::info("CPU kernels of the gate: {}, as {}", name_of(*kernels), file.string());
      return kernels;
    }
  return std::nullopt;
}

artifacts::MeasuredKernels measured_in(const fs::path& file, const Stage2TrainOptions& options,
                                       const gating::GateShape& shape, GatePrecision precision,
                                       io::FileSystem& files) {
  const int threads = training_threads(options, shape);
  const auto work = artifacts::on_this_processor(
      threads, {{"gate", fmt::format("{} x {} x {} x {}", shape.input_size, shape.hidden_size, shape.n_hidden,
                                     shape.n_attributes)},
                {"batch_size", std::to_string(options.batch_size)},
                {"precision", std::string(name_of(precision))}});
  return artifacts::measured_kernels(
      {file, files, true}, work, model::available_kernels(gating::product_precision(precision), false), [&] {
        model::set_compute_threads(threads);
        return gating::measure_gate_kernels(shape, options.batch_size, precision);
      });
}

void warn_of_slow_bf16(const artifacts::MeasuredKernels& bf16, const artifacts::MeasuredKernels& fp32) {
  const double rate = bf16.rate_of(bf16.kernels), other = fp32.rate_of(fp32.kernels);
  if (rate < other)
    log::warn(
        "--precision bf16: the gate's products reach {:.3g} GFLOP/s with {} here, and {:.3g} in float32 with "
        "{}; --precision fp32 is faster",
        rate / 1e9, name_of(bf16.kernels), other / 1e9, name_of(fp32.kernels));
}

CpuKernels fastest_kernels(const Stage2TrainOptions& options, const gating::GateShape& shape,
                           io::FileSystem& files) {
  const fs::path file = artifacts::kernel_rates_path(options.data_root);
  const auto found = measured_in(file, options, shape, options.precision, files);
  artifacts::report_measured(found,
                             (found.from_file ? "gate, by " : "gate, measured, kept in ") + file.string());
  if (options.precision == GatePrecision::bf16)
    warn_of_slow_bf16(found, measured_in(file, options, shape, GatePrecision::fp32, files));
  return found.kernels;
}

}  // namespace

void check_kernels(const Stage2TrainOptions& options) {
  if (options.device < 0) artifacts::checked_kernels(options.kernels, products_of(options));
}

CpuKernels choose_kernels(const Stage2TrainOptions& options, const gating::GateShape& shape,
                          const fs::path& checkpoint, io::FileSystem& files) {
  if (options.device >= 0) return options.kernels;
  CpuKernels kernels = artifacts::checked_kernels(options.kernels, products_of(options));
  if (kernels == CpuKernels::measured) {
    const auto recorded = recorded_kernels(checkpoint, options);
    kernels = recorded ? *recorded : fastest_kernels(options, shape, files);
  }
  model::use_kernels(kernels);
  return kernels;
}

}  // namespace armorm::stages::gate
