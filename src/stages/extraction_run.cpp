#include "stages/extraction_run.h"

#include <iostream>

#include "armorm/core/error.h"
#include "armorm/core/hash.h"
#include "armorm/core/log.h"
#include "armorm/data/hub_cache.h"
#include "armorm/model/compute_threads.h"

namespace armorm {
namespace {

std::map<std::string, std::string> parse_renames(const std::vector<std::string>& columns) {
  std::map<std::string, std::string> renames;
  for (const std::string& entry : columns) {
    const std::size_t sign = entry.find('=');
    if (sign == std::string::npos || sign == 0 || sign + 1 == entry.size())
      fail_usage("--columns: '{}' is not of the form name=column; for example messages=conversation", entry);
    renames[entry.substr(0, sign)] = entry.substr(sign + 1);
  }
  return renames;
}

std::int64_t dropped_count(const Provenance& provenance) {
  std::int64_t count = 0;
  for (const auto& [reason, rows] : provenance.dropped) count += static_cast<std::int64_t>(rows.size());
  return count;
}

}  // namespace

ModelInputs open_model_inputs(const ExtractionOptions& options) {
  const std::filesystem::path folder = resolve_model(options.model_path);
  return {folder, artifact_name(options.model_path), ModelConfig::load(folder),
          ConversationEncoder(folder, options.allow_special_in_content)};
}

DatasetInputs open_dataset_inputs(const std::string& path, const std::string& split,
                                  const std::vector<std::string>& columns) {
  DatasetOptions options;
  options.columns = parse_renames(columns);
  options.path = resolve_dataset(path);
  options.split = split;
  return {Dataset::open(options), artifact_name(path)};
}

int thread_count(const ExtractionOptions& options) {
  return options.threads > 0 ? static_cast<int>(options.threads) : default_thread_count();
}

Backbone load_backbone(const ExtractionOptions& options, const ModelInputs& model) {
  set_compute_threads(thread_count(options));
  BackboneOptions backbone;
  backbone.model_folder = model.folder;
  backbone.precision = options.precision == "fp32" ? Precision::fp32 : Precision::bf16;
  backbone.device = static_cast<int>(options.device);
  return Backbone::load(backbone);
}

Provenance make_provenance(const ExtractionOptions& options, const ModelInputs& model, const DatasetInputs& dataset,
                           const std::string& split) {
  Provenance p;
  p.model = model.name;
  p.dataset = dataset.name;
  p.split = split;
  p.precision = options.precision;
  p.template_sha256 = model.encoder.template_sha256();
  p.tokenizer_sha256 = model.encoder.tokenizer_sha256();
  p.config_sha256 = sha256_file_hex(model.folder / "config.json");
  p.shard_idx = options.shard_idx;
  p.n_shards = options.n_shards;
  p.seed = options.seed;
  p.source_rows = dataset.dataset.num_rows();
  return p;
}

void print_summary(const std::string& what, const Provenance& provenance, const ExtractionStats& stats,
                   const std::filesystem::path& file) {
  for (const auto& [reason, rows] : provenance.dropped)
    if (!rows.empty()) log::warn("{} rows dropped: {}", rows.size(), reason);
  const double seconds = std::max(stats.seconds, 1e-9);
  std::cout << fmt::format(
      "{}: shard {} of {}: {} rows written, {} dropped, {} input tokens ({} computed) in {:.1f} s = {:.0f} tokens/s\n  {}\n",
      what, provenance.shard_idx, provenance.n_shards, provenance.rows, dropped_count(provenance), stats.input_tokens,
      stats.computed_tokens, stats.seconds, static_cast<double>(stats.input_tokens) / seconds, file.string());
}

}  // namespace armorm
