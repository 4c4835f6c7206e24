#include "stages/ridge/ridge_partials.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "core/hash.h"
#include "core/words.h"
#include "io/content_digests.h"
#include "stages/artifacts/artifact_paths.h"
#include "stages/artifacts/making_facts.h"
#include "stages/ridge/row_groups.h"

namespace armorm::stages::ridge {
namespace fs = std::filesystem;
namespace {

constexpr const char* kShard = "shard_idx";
constexpr const char* kRows = "rows_sha256";
constexpr const char* kPromptIds = "prompt_ids";  // those of all shards decide the split

linear::RidgeMoments accumulate_shard(const Stage1TrainOptions& options, const LabelledSet& set,
                                      std::span<const linear::RowGroup> groups, std::size_t shard) {
  linear::RidgeAccumulator accumulator(set.set.hidden_size(), set.n_attributes(),
                                       accumulator_options(options, set));
  set.with_file_named(shard, [&] {
    const LabelledBlock block = set.block(shard, groups);
    accumulator.add_block(block.embeddings, block.labels, block.groups, block.weights);
  });
  return accumulator.finish();
}

// Metadata that all partial sums of one run share.
io::Metadata run_metadata(const Stage1TrainOptions& options, const LabelledSet& set) {
  const artifacts::Provenance p = set.set.provenance().value_or(artifacts::Provenance{});
  return {{"kind", "ridge_sums"},
          {"model", set.model},
          {"dataset", set.dataset},
          {"split", p.split},
          {"precision", p.precision},
          {"template_sha256", p.template_sha256},
          {"tokenizer_sha256", p.tokenizer_sha256},
          {"config_sha256", p.config_sha256},
          {"data_sha256", p.data_sha256},
          {"making_facts", artifacts::text_of(artifacts::making_facts(p))},
          {"attributes", nlohmann::json(set.attributes).dump()},
          {"hidden_size", std::to_string(set.set.hidden_size())},
          {"rows", std::to_string(set.set.rows())},
          {"n_shards", std::to_string(set.n_shards())},
          {"seed", std::to_string(options.seed)},
          {"split_by", std::string(name_of(options.split_by))},
          {"training_groups", std::to_string(group_count(options) - 1)},
          {"weight_column", set.weight_column}};
}

// Digest of a shard's labels, weights and prompts, of its first and last embedding, and of the digests of its
// tensors: data that differ if the shard was made again.
std::string rows_sha256(const LabelledSet& set, std::size_t shard) {
  const io::SafetensorsFile& file = set.set.files()[shard];
  Sha256 hash;
  for (const char* name : {"labels", "row_ids", kPromptIds, "sample_weights"})
    if (file.contains(name)) hash.update(file.at(name).bytes);
  if (const auto digests = file.metadata().find(io::kTensorDigests); digests != file.metadata().end())
    hash.update(digests->second);
  const io::TensorView embeddings = file.at("embeddings");
  const std::size_t row_bytes = static_cast<std::size_t>(embeddings.shape[1]) * sizeof(BFloat16);
  if (embeddings.shape[0] > 0) {
    hash.update(embeddings.bytes.first(row_bytes));
    hash.update(embeddings.bytes.last(row_bytes));
  }
  return hash.hex();
}

std::vector<std::int64_t> chosen_shards(const Stage1TrainOptions& options, const LabelledSet& set) {
  const auto n = static_cast<std::int64_t>(set.n_shards());
  std::vector<std::int64_t> shards = options.shards;
  for (std::int64_t k = 1; options.shards.empty() && k <= n; ++k) shards.push_back(k);
  for (const std::int64_t k : shards)
    if (k > n) fail_usage("--shards: {} is not a shard; {} has shards 1 to {}", k, set.set.description(), n);
  return shards;
}

std::vector<fs::path> files_to_merge(const std::vector<std::string>& names) {
  std::vector<fs::path> files;
  for (const fs::path name : names) {
    std::error_code error;
    if (!fs::is_directory(name, error)) {
      files.push_back(name);
      continue;
    }
    for (const fs::directory_entry& entry : fs::directory_iterator(name))
      if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());  // so that the first error is the same on every file system
  return files;
}

std::string value_of(const io::Metadata& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? "" : found->second;
}

// Checks that a file belongs to this run; returns its shard (from 0).
std::size_t check_partial(const fs::path& path, const io::Metadata& run, const LabelledSet& set) {
  const io::SafetensorsFile file = io::SafetensorsFile::open(path);
  if (const std::string kind = value_of(file.metadata(), "kind"); kind != run.at("kind"))
    fail_data("{}: kind is '{}', expected '{}'; give --merge what stage1-train --partial wrote",
              path.string(), kind, run.at("kind"));
  for (const auto& [key, expected] : run)
    if (const std::string found = value_of(file.metadata(), key); found != expected)
      fail_data(
          "{}: {} is '{}', but this run has '{}'; make the sums again (--partial) with the options of "
          "--merge",
          path.string(), key, found, expected);
  if (!io::has_content_digests(file.metadata()))
    fail_data("{}: has no checksums of its content; make the sums again (--partial)", path.string());
  const std::string number = value_of(file.metadata(), kShard);
  for (std::size_t shard = 0; shard < set.n_shards(); ++shard) {
    if (number != std::to_string(shard + 1)) continue;
    if (value_of(file.metadata(), kRows) != rows_sha256(set, shard))
      fail_data(
          "{}: holds the sums of other rows than {} has now; make the sums of shard {} again (--partial)",
          path.string(), set.set.files()[shard].path().string(), shard + 1);
    return shard;
  }
  fail_data("{}: {} is '{}', expected 1 to {}; make the sums again (--partial)", path.string(), kShard,
            number, set.n_shards());
}

// The files, indexed by shard.
std::vector<fs::path> order_by_shard(const Stage1TrainOptions& options, const LabelledSet& set) {
  const io::Metadata run = run_metadata(options, set);
  std::map<std::size_t, fs::path> of_shard;
  for (const fs::path& path : files_to_merge(options.merge)) {
    const std::size_t shard = check_partial(path, run, set);
    const auto [first, is_new] = of_shard.emplace(shard, path);
    if (!is_new)
      fail_data("{}: holds shard {}, and so does {}; give each shard once", path.string(), shard + 1,
                first->second.string());
  }
  std::vector<std::size_t> missing;
  std::vector<fs::path> files;
  for (std::size_t shard = 0; shard < set.n_shards(); ++shard) {
    const auto found = of_shard.find(shard);
    if (found == of_shard.end())
      missing.push_back(shard + 1);
    else
      files.push_back(found->second);
  }
  if (!missing.empty())
    fail_io(
        "--merge: the sums of {} of {} shards are missing: {}; run stage1-train --partial FOLDER --shards {}",
        missing.size(), set.n_shards(), fmt::join(missing, ", "), fmt::join(missing, ","));
  return files;
}

}  // namespace

linear::AccumulatorOptions accumulator_options(const Stage1TrainOptions& options, const LabelledSet& set) {
  linear::AccumulatorOptions sums;
  sums.n_groups = group_count(options);
  sums.n_threads = static_cast<int>(options.threads);
  sums.max_patterns = linear::max_patterns_for(set.set.hidden_size(), set.n_attributes());
  sums.weighted = !set.weight_column.empty();
  return sums;
}

linear::RidgeMoments accumulate(const Stage1TrainOptions& options, const LabelledSet& set,
                                std::span<const linear::RowGroup> groups) {
  linear::RidgeMoments moments;
  for (std::size_t shard = 0; shard < set.n_shards(); ++shard)
    moments.add(accumulate_shard(options, set, groups, shard));
  return moments;
}

std::vector<fs::path> save_partials(const Stage1TrainOptions& options, const LabelledSet& set,
                                    std::span<const linear::RowGroup> groups, io::FileSystem& files) {
  std::vector<fs::path> written;
  for (const std::int64_t k : chosen_shards(options, set)) {
    const auto shard = static_cast<std::size_t>(k - 1);
    io::Metadata metadata = run_metadata(options, set);
    metadata[kShard] = std::to_string(k);
    metadata[kRows] = rows_sha256(set, shard);
    const std::string stem =
        artifacts::shard_stem(set.model + "_" + set.dataset, k, static_cast<std::int64_t>(set.n_shards()));
    written.push_back(fs::path(options.partial) / (stem + ".safetensors"));
    const linear::RidgeMoments sums = set.set.while_verified(
        [&] { return accumulate_shard(options, set, groups, shard); },
        [&](std::size_t file, const std::string& tensor) { return file == shard || tensor == kPromptIds; });
    set.set.check_unchanged();
    sums.save(written.back(), metadata, files);
  }
  return written;
}

linear::RidgeMoments merge_partials(const Stage1TrainOptions& options, const LabelledSet& set) {
  linear::RidgeMoments moments;
  for (const fs::path& file : order_by_shard(options, set)) {
    linear::RidgeMoments next = linear::RidgeMoments::load(file);
    if (next.n_features() != set.set.hidden_size() || next.n_attributes() != set.n_attributes() ||
        next.n_groups() != group_count(options))
      fail_data(
          "{}: holds sums of {} features, {} attributes and {} groups, expected {}, {} and {}; make them "
          "again (--partial)",
          file.string(), next.n_features(), next.n_attributes(), next.n_groups(), set.set.hidden_size(),
          set.n_attributes(), group_count(options));
    moments.add(std::move(next));
  }
  return moments;
}

}  // namespace armorm::stages::ridge
