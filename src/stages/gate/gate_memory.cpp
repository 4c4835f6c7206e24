#include "stages/gate/gate_memory.h"

#include <algorithm>
#include <filesystem>

#include "core/log.h"
#include "core/units.h"
#include "io/writable_file.h"

namespace armorm::stages::gate {
namespace {

// Of the debiasing: the verbosity rewards, the target's ranks and, for as long, those of the other target.
constexpr std::int64_t kSearchArrays = 2 * 3 * 4;
// Buffers of a search in one thread, for both sides of a pair.
constexpr std::int64_t kSearchBuffers = 2 * 20;

std::int64_t evaluated(const SetSize& set) {
  return set.role == "preference" ? (set.pairs + 4) / 5 : set.pairs;
}

std::filesystem::path folder_for(const Stage2TrainOptions& options) {
  if (!options.scratch_dir.empty()) return options.scratch_dir;
  return options.output_dir.empty() ? options.data_root : options.output_dir;
}

bool uses_files(const Stage2TrainOptions& options, std::int64_t bytes) {
  return options.scratch == ScratchFiles::on || (options.scratch == ScratchFiles::auto_ && bytes > kInMemory);
}

}  // namespace

std::int64_t array_bytes(const Stage2TrainOptions& options, const GateInputs& inputs) {
  const std::int64_t k = inputs.weights.n_attributes();
  const bool searches = options.verbosity_dim != -1;
  std::int64_t loaded = 0;
  std::int64_t largest = 0;
  std::int64_t reference = 0;
  for (const SetSize& set : inputs.sizes) {
    loaded += set.pairs * PairRewards::bytes_per_pair(k, searches && options.compat != Compat::upstream);
    largest = std::max(largest, evaluated(set) * 2 * k * std::int64_t{sizeof(float)});  // gates
    if (set.role == "reference" || (set.role == "preference" && reference == 0)) reference = set.pairs;
  }
  return loaded + std::max(largest, searches ? reference * (kSearchArrays + kSearchBuffers) : 0);
}

GateMemory::GateMemory(const Stage2TrainOptions& options, const GateInputs& inputs, io::FileSystem& files) {
  const std::int64_t bytes = array_bytes(options, inputs);
  const std::string size = bytes_text(static_cast<std::uint64_t>(bytes));
  if (!uses_files(options, bytes)) {
    if (!options.scratch_dir.empty())
      log::info("--scratch_dir is not used: rewards and ids of all pairs take {}, and stay in memory", size);
    return;
  }
  const std::filesystem::path folder = folder_for(options);
  if (options.scratch_dir.empty()) io::make_folders(files, folder);
  scratch_ = std::make_unique<io::ScratchMemory>(folder, files);
  scratch_->check_free(static_cast<std::uint64_t>(bytes));
  log::info("rewards and ids of all pairs are kept in temporary files in {}: up to {}", folder.string(),
            size);
  if (scratch_->is_in_memory())
    log::warn("{}: its files are in memory, so nothing is saved; name a folder on a disk with --scratch_dir",
              folder.string());
}

}  // namespace armorm::stages::gate
