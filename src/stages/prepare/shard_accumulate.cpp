#include "stages/prepare/shard_accumulate.h"

#include <optional>

#include "core/error.h"
#include "core/log.h"
#include "core/words.h"
#include "model/device.h"
#include "stages/prepare/shard_record.h"

namespace armorm::stages::prepare {
namespace fs = std::filesystem;
namespace {

constexpr const char* kNotCompared = "the fp8 accumulation it was made with is not compared";

ShardFilter made_alike(const ExtractionOptions& options) {
  return [&options](const ShardRecord& record) {
    return record.precision == name_of(options.precision) &&
           record.batch_invariant == options.batch_invariant && !record.fp8_accumulate.empty();
  };
}

std::optional<ShardRecord> sibling_record(const fs::path& target, const ExtractionOptions& options) {
  return record_of_siblings(target, options.n_shards, made_alike(options), kNotCompared);
}

// With --restart, a published file is made anew.
std::optional<ShardRecord> own_record(const fs::path& target, const ExtractionOptions& options) {
  return options.restart ? record_of_journal(target, made_alike(options))
                         : readable_record(target, made_alike(options), kNotCompared);
}

Fp8Accumulate accumulate_of_device(const ExtractionOptions& options) {
  const bool fast = options.device >= 0 && (options.dry_run || model::has_fp8_products(options.device));
  return fast ? Fp8Accumulate::fast : Fp8Accumulate::exact;
}

// The recorded one, if the device has it: every device sums exactly.
std::optional<Fp8Accumulate> usable(const ShardRecord& record, Fp8Accumulate of_device) {
  for (const Fp8Accumulate accumulate : {Fp8Accumulate::exact, of_device})
    if (record.fp8_accumulate == name_of(accumulate)) return accumulate;
  return std::nullopt;
}

void check_same(const std::optional<ShardRecord>& sibling, Fp8Accumulate accumulate, bool restart) {
  if (!sibling || sibling->fp8_accumulate == name_of(accumulate)) return;
  if (!restart)
    fail_usage(
        "--fp8_accumulate: {} was made with {}, this shard would be with {}; all shards of a set need the "
        "same: give --fp8_accumulate {}, or make all of them again with --restart --fp8_accumulate {}",
        sibling->file.string(), sibling->fp8_accumulate, name_of(accumulate), sibling->fp8_accumulate,
        name_of(accumulate));
  log::warn(
      "{} was made with --fp8_accumulate {}, this shard is made with {}: all shards of a set need the same",
      sibling->file.string(), sibling->fp8_accumulate, name_of(accumulate));
}

Fp8Accumulate accumulate_of_sibling(const ShardRecord& sibling, const ExtractionOptions& options,
                                    Fp8Accumulate of_device) {
  if (const auto accumulate = usable(sibling, of_device)) return *accumulate;
  fail_usage(
      "--fp8_accumulate: {} was made with {}, which device {} lacks; make this shard on a GPU of compute "
      "capability 8.9 or above, or all of them with --restart --fp8_accumulate exact",
      sibling.file.string(), sibling.fp8_accumulate, options.device);
}

void set_recorded(Fp8Accumulate accumulate, const ShardRecord& record, ExtractionOptions& options) {
  options.fp8_accumulate = accumulate;
  log::info("fp8 accumulation: {}, as {}", name_of(accumulate), record.file.string());
}

void choose_for_auto(const fs::path& target, const std::optional<ShardRecord>& sibling,
                     ExtractionOptions& options) {
  const Fp8Accumulate of_device = accumulate_of_device(options);
  const auto own = own_record(target, options);
  const auto recorded = own ? usable(*own, of_device) : std::nullopt;
  if (sibling) {
    if (recorded && !options.restart) check_same(sibling, *recorded, false);
    return set_recorded(accumulate_of_sibling(*sibling, options, of_device), *sibling, options);
  }
  if (recorded) return set_recorded(*recorded, *own, options);
  options.fp8_accumulate = of_device;
  log::info("fp8 accumulation: {}", name_of(of_device));
}

}  // namespace

void choose_accumulate(const fs::path& target, ExtractionOptions& options) {
  if (options.precision != Precision::fp8) return;
  const std::optional<ShardRecord> sibling = sibling_record(target, options);
  if (options.fp8_accumulate == Fp8Accumulate::auto_) return choose_for_auto(target, sibling, options);
  check_same(sibling, options.fp8_accumulate, options.restart);
  log::info("fp8 accumulation: {}, by --fp8_accumulate", name_of(options.fp8_accumulate));
}

void check_same_accumulate(const fs::path& target, const ExtractionOptions& options) {
  if (options.precision == Precision::fp8 && !options.restart)
    check_same(sibling_record(target, options), options.fp8_accumulate, false);
}

}  // namespace armorm::stages::prepare
