#include "stages/prepare/extraction_run.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>

#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/phase.h"
#include "core/print.h"
#include "core/strings.h"
#include "core/units.h"
#include "core/words.h"
#include "hub/snapshot.h"
#include "model/compute_threads.h"
#include "model/device.h"
#include "model/precision_deviation.h"
#include "model/streaming_plan.h"
#include "model/weights_folder.h"
#include "report/text_style.h"
#include "stages/artifacts/artifact_paths.h"
#include "stages/artifacts/making_facts.h"
#include "stages/artifacts/open_encoder.h"
#include "stages/artifacts/reward_model_fields.h"
#include "stages/prepare/shard_kernels.h"

namespace armorm::stages::prepare {
namespace {

// Empty for a folder that is no snapshot of the Hub.
std::string commit_of(const std::filesystem::path& folder) {
  return hub::is_hub_snapshot(folder) ? folder.filename().string() : "";
}

std::int64_t dropped_count(const artifacts::Provenance& provenance) {
  std::int64_t count = 0;
  for (const auto& [reason, rows] : provenance.dropped) count += static_cast<std::int64_t>(rows.size());
  return count;
}

// Empty on a CPU.
std::string attention_of(const ExtractionOptions& options, const ModelInputs& model) {
  if (options.device < 0) return "";
  const std::string cudnn = model::cudnn_of(backbone_options(options, model));
  return cudnn.empty() ? "LibTorch" : cudnn;
}

}  // namespace

ModelInputs open_model_inputs(const ExtractionOptions& options, const StopRequested& stop) {
  if (!options.dry_run) {
    for (const std::int64_t device : options.device.indices) {
      model::check_device(device);
      model::check_accumulate(options.fp8_accumulate, device);
    }
    model::check_precision(options.precision, options.device);
  }
  check_kernels(options);
  const model::ModelFolder folder = artifacts::open_model_folder(options.model_path, stop);
  model::ModelConfig config = model::ModelConfig::load(folder.base, artifacts::kRewardModelFields);
  const model::WeightsFolder files = model::WeightsFolder::open(folder);
  for (const std::int64_t device : options.device.indices)
    model::check_weights_memory(config, options.precision, files,
                                memory_limit("--weights_memory", options.weights_memory),
                                static_cast<int>(device));
  text::ConversationEncoder encoder =
      artifacts::open_encoder(folder, config, options.allow_special_in_content, options.template_date);
  return {folder, hub::artifact_name(options.model_path), std::move(config), std::move(encoder)};
}

int thread_count(const ExtractionOptions& options) { return armorm::thread_count(options.threads); }

model::BackboneOptions backbone_options(const ExtractionOptions& options, const ModelInputs& model) {
  model::BackboneOptions backbone;
  backbone.model_folder = model.folder;
  backbone.precision = options.precision;
  backbone.fp8_accumulate = options.fp8_accumulate;
  backbone.device = static_cast<int>(options.device);
  backbone.batch_invariant = options.batch_invariant;
  backbone.attention = options.attention;
  backbone.weights_memory = memory_limit("--weights_memory", options.weights_memory);
  backbone.scratch_folder = artifacts::embeddings_folder(options.data_root, model.name);
  return backbone;
}

std::future<model::Backbone> load_on(model::BackboneOptions how) {
  return std::async(std::launch::async, [how = std::move(how), stop = current_stop_request()] {
    const StopScope scope(&stop);
    return model::Backbone::load(how);
  });
}

BackbonesLoading load_backbones(const ExtractionOptions& options, const ModelInputs& model) {
  model::set_compute_threads(thread_count(options));  // for the caller's thread, which will run the backbone
  BackbonesLoading loading;
  model::BackboneOptions how = backbone_options(options, model);
  for (const std::int64_t device : options.device.indices) {
    how.device = static_cast<int>(device);
    loading.push_back(load_on(how));
    how.loaded_before = true;
  }
  return loading;
}

BackbonesLoading load_ahead(const ExtractionOptions& options, const ModelInputs& model,
                            const std::filesystem::path& target) {
  std::error_code error;
  if (options.dry_run || std::filesystem::exists(target, error)) return {};
  return load_backbones(options, model);
}

void warn_of_special_content(std::int64_t count, const std::string& what, bool as_special) {
  if (count == 0) return;
  log::warn("{} {} hold special-token strings in their content; they are encoded as {}", count, what,
            as_special ? "special tokens" : "plain text");
}

void report_model_limit(std::int64_t seq_len, const model::ModelConfig& config,
                        std::span<const model::ExtractionRequest> requests) {
  const std::int64_t limit = config.max_position_embeddings;
  if (seq_len <= limit) return;
  const auto longer = std::count_if(requests.begin(), requests.end(), [limit](const auto& request) {
    return std::ssize(request.tokens) > limit;
  });
  const std::string text = fmt::format(
      "--seq_len {} is above the model's own limit of {} tokens (max_position_embeddings); {} sequences are "
      "longer than that limit",
      seq_len, limit, longer);
  if (longer == 0)
    log::info("{}", text);
  else
    log::warn("{} and are embedded all the same; --seq_len {} drops them", text, limit);
}

void record_deviation(const ExtractionOptions& options, const ModelInputs& model,
                      const model::Backbone& backbone,
                      const std::vector<std::span<const text::tokenizer::TokenId>>& rows,
                      artifacts::Provenance& provenance) {
  constexpr std::size_t kRows = 8;
  if (options.precision != Precision::fp8 && options.precision != Precision::int8) return;
  model::BackboneOptions exact = backbone_options(options, model);
  if (exact.weights_memory)
    exact.weights_memory = model::least_weights_memory(
        model.config, Precision::bf16, model::WeightsFolder::open(model.folder), exact.device);
  const model::Deviation deviation =
      model::deviation_from_bf16(backbone, exact, std::span(rows).first(std::min(kRows, rows.size())));
  provenance.deviation = fmt::format("{:.4f} of bf16 (relative, {} rows), lowest cosine {:.5f}",
                                     deviation.relative, deviation.rows, deviation.lowest_cosine);
  log::info("the embeddings of {} deviate by {}", name_of(options.precision), provenance.deviation);
}

artifacts::Provenance make_provenance(const ExtractionOptions& options, const ModelInputs& model,
                                      const DatasetInputs& dataset, const std::string& split) {
  artifacts::Provenance p;
  p.model = model.name;
  p.dataset = dataset.name;
  p.split = split;
  p.precision = name_of(options.precision);
  if (options.precision == Precision::fp8) p.fp8_accumulate = name_of(options.fp8_accumulate);
  p.batch_invariant = options.batch_invariant;
  if (options.device < 0) p.cpu_kernels = name_of(options.kernels);
  p.gpu_attention = attention_of(options, model);
  p.template_sha256 = model.encoder.template_sha256();
  p.tokenizer_sha256 = model.encoder.tokenizer_sha256();
  p.config_sha256 = sha256_file_hex(model.folder.base / "config.json");
  if (!dataset.rows.is_mixture()) p.data_commit = dataset.rows.sets().front().commit;
  p.facts.commit = commit_of(model.folder.folder);
  p.facts.allow_special_in_content = options.allow_special_in_content;
  p.facts.template_date = model.encoder.template_date();
  p.facts.tokenizer_files = artifacts::tokenizer_files_of(artifacts::text_folder(model.folder));
  p.shard_idx = options.shard_idx;
  p.n_shards = options.n_shards;
  p.seed = options.seed;
  p.source_rows = dataset.rows.num_rows();
  return p;
}

void print_summary(const std::string& what, const artifacts::Provenance& provenance,
                   const model::ExtractionStats& stats, const std::filesystem::path& file) {
  for (const auto& [reason, rows] : provenance.dropped)
    if (!rows.empty()) log::warn("{} rows dropped: {}", rows.size(), reason);
  const double seconds = std::max(stats.seconds, 1e-9);
  constexpr std::size_t kIndent = 2;
  const auto paragraph = [](const std::string& text) { return report::paragraph(text, kIndent); };
  print(
      paragraph(fmt::format("{}: shard {} of {}: {} rows written, {} dropped, {} input tokens ({} computed) "
                            "in {:.1f} s = {:.0f} tokens/s",
                            what, provenance.shard_idx, provenance.n_shards, provenance.rows,
                            dropped_count(provenance), stats.input_tokens, stats.computed_tokens,
                            stats.seconds, static_cast<double>(stats.input_tokens) / seconds)) +
      paragraph(fmt::format("  device busy {:.1f} % of the time; {} tokens saved by duplicates, {} by shared "
                            "prefixes: {:.3f} input tokens for each computed",
                            100.0 * stats.busy_fraction(), stats.saved_by_duplicates(),
                            stats.saved_by_prefixes(), stats.sharing_ratio())) +
      fmt::format("  {}\n", shown(file.string(), kMaxShownPath)));
}

}  // namespace armorm::stages::prepare
