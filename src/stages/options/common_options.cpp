#include "stages/options/common_options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <set>
#include <string_view>

#include "core/date.h"
#include "core/error.h"
#include "core/units.h"
#include "core/words.h"
#include "stages/options/shared_options.h"

namespace armorm::stages::options {
namespace {

template <class T>
std::optional<T> whole_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void declare_backbone(ExtractionOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add({"model_path", inputs, "Reward model: a folder with config.json and safetensors, or a Hub id"},
           fields.model_path)
      .add({"n_shards", results, "Number of shards the data set is divided into, >= 1"}, fields.n_shards)
      .add({"shard_idx", results, "Which shard this process computes, 1-based"}, fields.shard_idx)
      .add({"device", resources,
            "CUDA device index, or several, comma-separated, that share one shard's work; -1 = CPU"},
           fields.device.indices)
      .add(kBackbonePrecision, fields.precision)
      .add({"fp8_accumulate", results,
            "Accumulation of --precision fp8 on a GPU: fast = in the tensor cores, exact = promoted to "
            "float32; auto = as in the set's other shards, else fast"},
           fields.fp8_accumulate)
      .add(kExtractionKernels, fields.kernels)
      .add(kBatchTokens, fields.batch_tokens)
      .add(kThreads, fields.threads)
      .add(kWeightsMemory, fields.weights_memory)
      .add({"batch_invariant", results,
            "Make each row's embedding bit-identical for any shards, packs and threads"},
           fields.batch_invariant)
      .add(kGpuAttention, fields.attention)
      .add({"allow_special_in_content", results,
            "Convert special-token strings in message content to special tokens, like the Python scripts"},
           fields.allow_special_in_content)
      .add({"template_date", results, "Date, YYYY-MM-DD, for a chat template that inserts today's date"},
           fields.template_date)
      .add({"seed", results, "Seed of the shuffle before sharding; the same for all shards"}, fields.seed);
}

void declare_reports(ExtractionOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add({"dry_run", output,
            "Report what a run would do (rows, lengths, work, memory, the first row's tokens), and exit"},
           fields.dry_run)
      .add({"assume_tflops", output,
            "With --dry_run: estimate the time for devices of this rate in large matrix products, in "
            "TFLOP/s; 0 = the rate measured here"},
           fields.assume_tflops)
      .add({"status", output,
            "Report the progress of this data set's shards (done, running, interrupted, missing; rows/s, "
            "time left), and exit"},
           fields.status)
      .add({"all_sets", output, "With --status: print an overview of all data sets below --data_root"},
           fields.all_sets)
      .add({"json", output, "With --status: print JSON"}, fields.json);
}

void declare_run(ExtractionOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add(kDataRoot, fields.data_root)
      .add({"restart", output,
            "Recompute a finished shard, even if its inputs (model, data set, attributes) differ; discard an "
            "interrupted run with other inputs"},
           fields.restart)
      .add({"verify", output,
            "on: check a finished shard's content against its digests; off: check only its header"},
           fields.verify)
      .add({"checkpoint_seconds", output, "Seconds between checkpoints of a run; 0 = after every pass"},
           fields.checkpoint_seconds)
      .add({"on_bad_row", inputs,
            "error: stop at a row that cannot be used; skip: list it in <target>.rejects.jsonl and continue. "
            "Rows that end in a user turn: error processes them and warns; skip treats them as bad"},
           fields.on_bad_row)
      .add({"max_bad_rows", inputs,
            "Stop above this many skipped rows: a count (100) or a fraction (0.01, 1%)"},
           fields.max_bad_rows);
}

}  // namespace

std::int64_t bad_row_limit(const std::string& max_bad_rows, std::int64_t rows) {
  std::string_view text = max_bad_rows;
  const bool percent = text.ends_with('%');
  if (percent) text.remove_suffix(1);
  if (const auto count = whole_number<std::int64_t>(text); count && !percent && *count >= 0) return *count;
  const auto fraction = whole_number<double>(text);
  const double part = fraction ? *fraction / (percent ? 100.0 : 1.0) : -1.0;
  if (!(part >= 0.0 && part <= 1.0))
    fail_usage(
        "--max_bad_rows: '{}' is neither a count nor a part of the rows; use for example 100, 0.01 or 1%",
        max_bad_rows);
  return static_cast<std::int64_t>(std::floor(part * static_cast<double>(rows)));
}

void check_dataset(const DatasetPaths& sets, const std::string& name) {
  if (sets.paths.empty() || std::find(sets.paths.begin(), sets.paths.end(), "") != sets.paths.end())
    fail_usage("--dataset_path: is empty; name a file, a folder, a Hub id or a recipe");
  if (name == "." || name == ".." || name.find('/') != std::string::npos)
    fail_usage("--dataset_name: '{}' is no file name; use a word that names the data", name);
}

void check_devices(const Devices& devices) {
  const std::vector<std::int64_t>& all = devices.indices;
  if (all.empty()) fail_usage("--device: is empty; give the index of a CUDA device, several of them, or -1");
  const std::int64_t least = *std::min_element(all.begin(), all.end());
  if (least < -1) fail_usage("--device: {} is no device; use -1 for the CPU or a CUDA index from 0", least);
  if (std::set<std::int64_t>(all.begin(), all.end()).size() != all.size())
    fail_usage("--device: an index is there twice; name every device once");
  if (all.size() > 1 && least < 0)
    fail_usage("--device: -1, the CPU, cannot share a shard with CUDA devices; give it alone");
}

void check_attention_on(std::int64_t device, GpuAttention attention) {
  if (device < 0 && attention != GpuAttention::automatic)
    fail_usage(
        "--attention: {} chooses kernels of a GPU, but --device is {}; leave it out, or give the index of a "
        "GPU",
        name_of(attention), device);
}

void check_kernels_on(std::int64_t device, CpuKernels kernels) {
  if (device >= 0 && kernels != CpuKernels::measured)
    fail_usage(
        "--kernels: {} chooses kernels of the CPU, but --device is {}; leave it out, or give --device -1",
        name_of(kernels), device);
}

void check_accumulate_on(std::int64_t device, Precision precision, Fp8Accumulate accumulate) {
  if (accumulate == Fp8Accumulate::auto_) return;
  if (precision != Precision::fp8)
    fail_usage(
        "--fp8_accumulate: {} is for products of fp8, but --precision is {}; leave it out, or give "
        "--precision "
        "fp8",
        name_of(accumulate), name_of(precision));
  if (accumulate == Fp8Accumulate::fast && device < 0)
    fail_usage(
        "--fp8_accumulate: fast is for GPUs, but --device is {}, the CPU, which sums exactly; leave it out",
        device);
}

}  // namespace armorm::stages::options

namespace armorm {

std::string default_data_root() {
  if (const char* root = std::getenv("ARMORM_DATA"); root != nullptr && *root != '\0') return root;
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : ".") + "/data/ArmoRM";
}

}  // namespace armorm

namespace armorm::stages::options {

void shared_options::declare_extraction(ExtractionOptions& fields, OptionList& list) {
  declare_backbone(fields, list);
  declare_reports(fields, list);
  declare_run(fields, list);
}

}  // namespace armorm::stages::options

namespace armorm {

void ExtractionOptions::validate() const {
  if (model_path.empty()) fail_usage("--model_path: is empty; name a model folder or a Hub id");
  if (n_shards < 1) fail_usage("--n_shards: {} is out of range; it must be at least 1", n_shards);
  if (shard_idx < 1 || shard_idx > n_shards)
    fail_usage("--shard_idx: {} is out of range; it is 1-based and at most --n_shards ({})", shard_idx,
               n_shards);
  if (n_shards > 99999)
    fail_usage("--n_shards: {} is out of range; at most 99999 fit the file names", n_shards);
  stages::options::check_devices(device);
  stages::options::check_kernels_on(device, kernels);
  stages::options::check_accumulate_on(device, precision, fp8_accumulate);
  if (batch_tokens < 0)
    fail_usage("--batch_tokens: {} is negative; use 0 to let it follow the free memory", batch_tokens);
  if (threads < 0) fail_usage("--threads: {} is negative; use 0 for all", threads);
  stages::options::check_attention_on(device, attention);
  memory_limit("--weights_memory", weights_memory);
  parse_date("--template_date", template_date);
  if (seed < 0) fail_usage("--seed: {} is negative; use 0 for the published shuffle", seed);
  if (data_root.empty()) fail_usage("--data_root: is empty; name a folder");
  if (!(checkpoint_seconds >= 0))
    fail_usage("--checkpoint_seconds: {} is out of range; it must not be negative", checkpoint_seconds);
  stages::options::bad_row_limit(max_bad_rows, 0);
  if (!(assume_tflops >= 0) || std::isinf(assume_tflops))
    fail_usage("--assume_tflops: {} is out of range; give TFLOP/s, or 0 to measure", assume_tflops);
  if (!dry_run && assume_tflops > 0) fail_usage("--assume_tflops: belongs to --dry_run; give both");
  if (!status && (all_sets || json))
    fail_usage("--{}: belongs to --status; give both", all_sets ? "all_sets" : "json");
}

}  // namespace armorm
