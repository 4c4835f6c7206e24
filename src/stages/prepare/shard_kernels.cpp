#include "stages/prepare/shard_kernels.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "core/error.h"
#include "core/log.h"
#include "core/words.h"
#include "io/safetensors.h"
#include "stages/artifacts/kernel_choice.h"
#include "stages/artifacts/kernel_rates.h"
#include "stages/artifacts/provenance.h"
#include "stages/prepare/extraction_run.h"
#include "stages/resume/durable_rows.h"
#include "stages/resume/journal.h"

namespace armorm::stages::prepare {
namespace fs = std::filesystem;
namespace {

artifacts::ProductKind products_of(const ExtractionOptions& options) {
  return {options.precision, options.batch_invariant};
}

// What a shard says of its making.
struct Record {
  fs::path file;
  std::string kernels;
};

std::string value_in(const resume::ResumeKey& key, const char* name) {
  const auto found = key.find(name);
  return found == key.end() ? "" : found->second;
}

// Of an interrupted or running process that makes `target` in the same way, on a CPU.
std::optional<Record> record_of_journal(const fs::path& target, const ExtractionOptions& options) {
  const fs::path path = resume::journal_path(target);
  const auto journal = resume::read_journal(path);
  if (!journal || !journal->key.contains("CPU kernels")) return std::nullopt;
  const std::string kernels = value_in(journal->key, "--kernels");
  const bool alike =
      value_in(journal->key, "--precision") == name_of(options.precision) &&
      value_in(journal->key, "--batch_invariant") == (options.batch_invariant ? "true" : "false");
  return alike && !kernels.empty() ? std::optional(Record{path, kernels}) : std::nullopt;
}

// Of a published shard.
std::optional<Record> record_of_file(const fs::path& target, const ExtractionOptions& options) {
  std::error_code error;
  if (!fs::exists(target, error)) return std::nullopt;
  const io::SafetensorsFile file = io::SafetensorsFile::open(target);
  if (!artifacts::Provenance::present_in(file.metadata())) return std::nullopt;
  const auto p = artifacts::Provenance::from_metadata(file.metadata(), target.string());
  const bool alike =
      p.precision == name_of(options.precision) && p.batch_invariant == options.batch_invariant;
  return alike && !p.cpu_kernels.empty() ? std::optional(Record{target, p.cpu_kernels}) : std::nullopt;
}

std::optional<Record> record_of(const fs::path& target, const ExtractionOptions& options) {
  if (auto begun = record_of_journal(target, options)) return begun;
  return record_of_file(target, options);
}

// A file that cannot be read says nothing; who makes or reads that file reports the damage as an error.
std::optional<Record> readable_record(const fs::path& target, const ExtractionOptions& options) {
  try {
    return record_of(target, options);
  } catch (const Error& damage) {
    if (damage.kind() != ErrorKind::data && damage.kind() != ErrorKind::io) throw;
    log::warn("{}; the CPU kernels it was made with are not compared", damage.what());
    return std::nullopt;
  }
}

// The targets of other shards that are published or begun, in their order. A shard's name ends in
// "<k>-of-<n>.safetensors", whose length is always the same.
std::set<fs::path> siblings_of(const fs::path& target, std::int64_t n_shards) {
  std::set<fs::path> siblings;
  if (n_shards == 1) return siblings;
  const std::string own = target.filename().string();
  const std::string end = fmt::format("-of-{:05d}.safetensors", n_shards);
  const std::string journal = resume::journal_path("").string();
  const std::string begin = own.substr(0, own.size() - end.size() - 5);
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(target.parent_path(), error)) {
    std::string name = entry.path().filename().string();
    if (name.ends_with(journal)) name.resize(name.size() - journal.size());
    if (name.size() == own.size() && name != own && name.starts_with(begin) && name.ends_with(end))
      siblings.insert(target.parent_path() / name);
  }
  return siblings;
}

// The first one that says it: those after it were made alike.
std::optional<Record> record_of_siblings(const fs::path& target, const ExtractionOptions& options) {
  for (const fs::path& sibling : siblings_of(target, options.n_shards))
    if (auto record = readable_record(sibling, options)) return record;
  return std::nullopt;
}

void check_same(const std::optional<Record>& sibling, CpuKernels kernels, bool restart) {
  if (!sibling || sibling->kernels == name_of(kernels)) return;
  if (!restart)
    fail_usage(
        "--kernels: {} was made with {}, this shard would be with {}; all shards of a set need the same: "
        "give --kernels {}, or make all of them again with --restart --kernels {}",
        sibling->file.string(), sibling->kernels, name_of(kernels), sibling->kernels, name_of(kernels));
  log::warn("{} was made with --kernels {}, this shard is made with {}: all shards of a set need the same",
            sibling->file.string(), sibling->kernels, name_of(kernels));
}

CpuKernels kernels_of_sibling(const Record& sibling, const ExtractionOptions& options) {
  if (const auto kernels = artifacts::usable_kernels(sibling.kernels, products_of(options))) return *kernels;
  fail_usage(
      "--kernels: {} was made with {}, and {}; make this shard on a processor that has "
      "{}, or all of them with --restart and --kernels that all processors have",
      sibling.file.string(), sibling.kernels, artifacts::available_text(products_of(options)),
      sibling.kernels);
}

// What `target` itself says. With --restart, a published file is made anew.
std::optional<Record> own_record(const fs::path& target, const ExtractionOptions& options) {
  return options.restart ? record_of_journal(target, options) : readable_record(target, options);
}

// Nothing where measuring has to decide.
std::optional<CpuKernels> recorded_kernels(const fs::path& target, const std::optional<Record>& sibling,
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
  const std::optional<Record> sibling = record_of_siblings(target, options);
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
    check_same(record_of_siblings(target, options), options.kernels, false);
}

double kernel_rate(const std::vector<model::KernelRate>& rates, const model::ModelConfig& config,
                   const ExtractionOptions& options) {
  artifacts::MeasuredKernels found{options.kernels, rates, false};
  if (rates.empty()) found = measured(config, options, false, io::posix_file_system());
  return found.rate_of(options.kernels);
}

}  // namespace armorm::stages::prepare
