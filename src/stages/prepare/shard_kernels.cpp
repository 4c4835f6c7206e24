#include "stages/prepare/shard_kernels.h"

#include <optional>
#include <string>

#include "core/error.h"
#include "core/log.h"
#include "core/words.h"
#include "stages/artifacts/kernel_choice.h"
#include "stages/artifacts/kernel_rates.h"
#include "stages/prepare/extraction_run.h"
#include "stages/prepare/shard_record.h"

namespace armorm::stages::prepare {
namespace fs = std::filesystem;
namespace {

constexpr const char* kNotCompared = "the CPU kernels it was made with are not compared";

artifacts::ProductKind products_of(const ExtractionOptions& options) {
  return {options.precision, options.batch_invariant};
}

// Of a shard that a CPU made in the same way.
ShardFilter made_alike(const ExtractionOptions& options) {
  return [&options](const ShardRecord& record) {
    return record.precision == name_of(options.precision) &&
           record.batch_invariant == options.batch_invariant && !record.kernels.empty();
  };
}

void check_same(const std::optional<ShardRecord>& sibling, CpuKernels kernels, bool restart) {
  if (!sibling || sibling->kernels == name_of(kernels)) return;
  if (!restart)
    fail_usage(
        "--kernels: {} was made with {}, this shard would be with {}; all shards of a set need the same: "
        "give --kernels {}, or make all of them again with --restart --kernels {}",
        sibling->file.string(), sibling->kernels, name_of(kernels), sibling->kernels, name_of(kernels));
  log::warn("{} was made with --kernels {}, this shard is made with {}: all shards of a set need the same",
            sibling->file.string(), sibling->kernels, name_of(kernels));
}

CpuKernels kernels_of_sibling(const ShardRecord& sibling, const ExtractionOptions& options) {
  if (const auto kernels = artifacts::usable_kernels(sibling.kernels, products_of(options))) return *kernels;
  fail_usage(
      "--kernels: {} was made with {}, and {}; make this shard on a processor that has "
      "{}, or all of them with --restart and --kernels that all processors have",
      sibling.file.string(), sibling.kernels, artifacts::available_text(products_of(options)),
      sibling.kernels);
}

// What `target` itself says. With --restart, a published file is made anew.
std::optional<ShardRecord> own_record(const fs::path& target, const ExtractionOptions& options) {
  return options.restart ? record_of_journal(target, made_alike(options))
                         : readable_record(target, made_alike(options), kNotCompared);
}

// Nothing where measuring has to decide.
std::optional<CpuKernels> recorded_kernels(const fs::path& target, const std::optional<ShardRecord>& sibling,
                                           const ExtractionOptions& options) {
  const auto own = own_record(target, options);
  std::optional<CpuKernels> kernels;
  if (own) kernels = artifacts::usable_kernels(own->kernels, products_of(options));
  if (sibling) {
    if (kernels && !options.restart) check_same(sibling, *kernels, false);
    kernels = kernels_of_sibling(*sibling, options);
  }
  if (kernels)
    log::info("CPU kernels: {}, as {}", name_of(*kernels), (sibling ? *sibling : *own).file.string());
  return kernels;
}

artifacts::MeasuredKernels measured(const model::ModelConfig& config, const ExtractionOptions& options,
                                    bool keep, io::FileSystem& files) {
  return artifacts::measured_kernels({artifacts::kernel_rates_path(options.data_root), files, keep}, config,
                                     products_of(options), thread_count(options));
}

}  // namespace

void check_kernels(const ExtractionOptions& options) {
  if (options.device < 0) artifacts::checked_kernels(options.kernels, products_of(options));
}

std::vector<model::KernelRate> choose_kernels(const fs::path& target, const model::ModelConfig& config,
                                              io::FileSystem& files, ExtractionOptions& options) {
  if (options.device >= 0) return {};
  std::vector<model::KernelRate> rates;
  const std::optional<ShardRecord> sibling =
      record_of_siblings(target, options.n_shards, made_alike(options), kNotCompared);
  if (options.kernels != CpuKernels::measured) {
    options.kernels = artifacts::checked_kernels(options.kernels, products_of(options));
    check_same(sibling, options.kernels, options.restart);
    log::info("CPU kernels: {}, by --kernels", name_of(options.kernels));
  } else if (const auto recorded = recorded_kernels(target, sibling, options)) {
    options.kernels = *recorded;
  } else {
    const artifacts::MeasuredKernels found = measured(config, options, !options.dry_run, files);
    const std::string file = artifacts::kernel_rates_path(options.data_root).string();
    artifacts::report_measured(found, found.from_file || options.dry_run
                                          ? (found.from_file ? "by " + file : "measured")
                                          : "measured, kept in " + file);
    options.kernels = found.kernels;
    rates = found.rates;
  }
  model::use_kernels(options.kernels);
  return rates;
}

void check_same_kernels(const fs::path& target, const ExtractionOptions& options) {
  if (options.device < 0 && !options.restart)
    check_same(record_of_siblings(target, options.n_shards, made_alike(options), kNotCompared),
               options.kernels, false);
}

double kernel_rate(const std::vector<model::KernelRate>& rates, const model::ModelConfig& config,
                   const ExtractionOptions& options) {
  artifacts::MeasuredKernels found{options.kernels, rates, false};
  if (rates.empty()) found = measured(config, options, false, io::posix_file_system());
  return found.rate_of(options.kernels);
}

}  // namespace armorm::stages::prepare
