#include "armorm/stages/stage1_prepare.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <numeric>
#include <set>

#include "armorm/core/error.h"
#include "armorm/core/log.h"
#include "armorm/core/progress.h"
#include "stages/artifact_paths.h"
#include "stages/dry_run.h"
#include "stages/extraction_run.h"
#include "stages/prompt_id.h"

namespace armorm {
namespace {

constexpr const char* kTooLong = "longer than seq_len";

// The rows of this shard, by output position.
struct LabelledShard {
  std::vector<std::int64_t> row_ids;
  std::vector<std::vector<TokenId>> tokens;
  std::vector<std::vector<float>> labels;  // with a weight column, the row's weight comes last
  std::vector<std::int64_t> prompt_ids;
  std::int64_t special_in_content = 0;
  std::vector<std::int64_t> too_long;  // row ids
};

std::vector<std::int64_t> all_rows(std::int64_t n) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(n));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

std::vector<std::string> label_columns(const Stage1PrepareOptions& options) {
  std::vector<std::string> columns = options.attributes;
  if (!options.weight_column.empty()) columns.push_back(options.weight_column);
  return columns;
}

void check_weight(const Stage1PrepareOptions& options, const LabelledRow& row) {
  if (options.weight_column.empty()) return;
  const float weight = row.labels.back();
  if (!(weight >= 0) || !std::isfinite(weight))
    fail_data("{}: row {}: weight \"{}\" is {}; every row needs a finite weight of at least 0", options.dataset_path,
              row.row_id, options.weight_column, std::isnan(weight) ? "missing" : fmt::format("{:g}", weight));
}

LabelledShard encode_shard(const Stage1PrepareOptions& options, const ModelInputs& model, const Dataset& dataset) {
  const ShardRows shard = select_shard(dataset.num_rows(), all_rows(dataset.num_rows()), true,
                                       options.extraction.n_shards, options.extraction.shard_idx,
                                       static_cast<std::uint64_t>(options.extraction.seed));
  LabelledShard out;
  out.row_ids = shard.row_ids;
  out.tokens.resize(shard.row_ids.size());
  out.labels.resize(shard.row_ids.size());
  out.prompt_ids.resize(shard.row_ids.size());
  std::atomic<std::int64_t> special{0};
  ParallelRows<LabelledRow> rows(thread_count(options.extraction), [&](LabelledRow& row) {
    check_weight(options, row);
    const auto position = static_cast<std::size_t>(shard.position_of[static_cast<std::size_t>(row.row_id)]);
    ConversationEncoder::Encoded encoded = model.encoder.encode(row.messages);
    special += encoded.special_in_content ? 1 : 0;
    out.tokens[position] = std::move(encoded.tokens);
    out.labels[position] = std::move(row.labels);
    out.prompt_ids[position] = prompt_id(row.messages);
  });
  dataset.for_each_labelled(label_columns(options), shard.wanted(), [&](LabelledRow&& row) { rows.push(std::move(row)); });
  rows.flush();
  out.special_in_content = special;
  return out;
}

void drop_long_rows(LabelledShard& shard, std::size_t limit) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < shard.tokens.size(); ++i) {
    if (shard.tokens[i].size() > limit) {
      shard.too_long.push_back(shard.row_ids[i]);
      continue;
    }
    if (kept != i) {
      shard.tokens[kept] = std::move(shard.tokens[i]);
      shard.labels[kept] = std::move(shard.labels[i]);
      shard.row_ids[kept] = shard.row_ids[i];
      shard.prompt_ids[kept] = shard.prompt_ids[i];
    }
    ++kept;
  }
  shard.tokens.resize(kept);
  shard.labels.resize(kept);
  shard.row_ids.resize(kept);
  shard.prompt_ids.resize(kept);
}

std::vector<TensorSpec> tensors_of(const Stage1PrepareOptions& options, std::int64_t n, std::int64_t d) {
  std::vector<TensorSpec> tensors{{"embeddings", DType::bf16, {n, d}},
                                  {"labels", DType::f32, {n, static_cast<std::int64_t>(options.attributes.size())}},
                                  {"row_ids", DType::i64, {n}},
                                  {"prompt_ids", DType::i64, {n}}};
  if (!options.weight_column.empty()) tensors.push_back({"sample_weights", DType::f32, {n}});
  return tensors;
}

void write_labels(SafetensorsWriter& writer, const LabelledShard& shard, std::size_t k) {
  for (std::size_t i = 0; i < shard.labels.size(); ++i) {
    const std::span<const float> values(shard.labels[i]);
    writer.write_at("labels", i * k * sizeof(float), std::as_bytes(values.first(k)));
    if (values.size() > k) writer.write_at("sample_weights", i * sizeof(float), std::as_bytes(values.last(1)));
  }
  writer.write_at("row_ids", 0, std::as_bytes(std::span(shard.row_ids)));
  writer.write_at("prompt_ids", 0, std::as_bytes(std::span(shard.prompt_ids)));
}

// The last token of each row.
std::vector<ExtractionRequest> make_requests(const LabelledShard& shard) {
  std::vector<ExtractionRequest> requests;
  for (const auto& tokens : shard.tokens) requests.push_back({tokens, {static_cast<std::int64_t>(tokens.size()) - 1}});
  return requests;
}

void report_plan(const Stage1PrepareOptions& options, const ModelInputs& model, const LabelledShard& shard,
                 const Provenance& provenance, const std::filesystem::path& target) {
  const std::vector<ExtractionRequest> requests = make_requests(shard);
  DryRunPlan plan{.program = "stage1-prepare", .provenance = provenance, .requests = requests,
                  .samples = {{fmt::format("row {}", shard.row_ids.front()), shard.tokens.front(), {}}}, .label_counts = {},
                  .target = target,
                  .target_bytes = total_bytes(tensors_of(options, provenance.rows, model.config.hidden_size))};
  for (std::size_t k = 0; k < options.attributes.size(); ++k)
    plan.label_counts[options.attributes[k]] = std::count_if(
        shard.labels.begin(), shard.labels.end(), [k](const std::vector<float>& row) { return !std::isnan(row[k]); });
  print_dry_run(options.extraction, model, plan);
}

ExtractionStats write_shard(const Stage1PrepareOptions& options, const LabelledShard& shard, const Backbone& backbone,
                            const Provenance& provenance, const std::filesystem::path& target) {
  const auto n = static_cast<std::int64_t>(shard.tokens.size());
  const std::int64_t d = backbone.config().hidden_size;
  SafetensorsWriter writer(target, tensors_of(options, n, d), provenance.to_metadata());
  const std::vector<ExtractionRequest> requests = make_requests(shard);
  Progress progress("stage1-prepare", n);
  Extractor extractor(backbone, {.batch_tokens = options.extraction.batch_tokens});
  const ExtractionStats stats = extractor.run(requests, [&](std::size_t request, MatrixView<const float> rows) {
    const std::vector<BFloat16> row = to_bf16(rows.row(0));
    writer.write_at("embeddings", request * static_cast<std::size_t>(d) * sizeof(BFloat16), std::as_bytes(std::span(row)));
    progress.advance(1, static_cast<std::int64_t>(shard.tokens[request].size()));
  });
  write_labels(writer, shard, options.attributes.size());
  writer.publish();
  return stats;
}

}  // namespace

OptionList Stage1PrepareOptions::declare() {
  OptionList list;
  extraction.declare(list);
  list.add("dataset_path", dataset_path, "Multi-objective data set: a file, a folder, or a Hub id")
      .add("dataset_split", dataset_split, "Split of the data set")
      .add("attributes", attributes, "Label columns, comma-separated, in the order of the weights' rows")
      .add("weight_column", weight_column,
           "Column with a sample weight for each row, kept for stage1-train --weight_column; empty = none")
      .add("columns", columns, "Other names of columns, comma-separated: messages=conversation")
      .add("seq_len", seq_len, "Longest row in tokens, longer ones are dropped and counted; 0 = the model's limit");
  return list;
}

void Stage1PrepareOptions::validate() const {
  extraction.validate();
  if (dataset_path.empty()) fail_usage("--dataset_path: is empty; name a file, a folder or a Hub id");
  if (attributes.empty()) fail_usage("--attributes: is empty; name at least one label column");
  if (std::set<std::string>(attributes.begin(), attributes.end()).size() != attributes.size())
    fail_usage("--attributes: a name is there twice; every attribute must be named once");
  if (std::find(attributes.begin(), attributes.end(), weight_column) != attributes.end())
    fail_usage("--weight_column: '{}' is one of --attributes; a column is either a label or the weight", weight_column);
  if (seq_len < 0) fail_usage("--seq_len: {} is negative; use 0 for the model's limit", seq_len);
}

std::filesystem::path run_stage1_prepare(const Stage1PrepareOptions& options) {
  const ModelInputs model = open_model_inputs(options.extraction);
  const DatasetInputs dataset = open_dataset_inputs(options.dataset_path, options.dataset_split, options.columns);
  std::future<Backbone> loading = load_backbone(options.extraction, model);
  LabelledShard shard = encode_shard(options, model, dataset.dataset);
  drop_long_rows(shard, static_cast<std::size_t>(options.seq_len > 0 ? options.seq_len
                                                                     : model.config.max_position_embeddings));
  if (shard.tokens.empty())
    fail_data("{}: shard {} of {} holds no rows to embed; check --seq_len and --n_shards", options.dataset_path,
              options.extraction.shard_idx, options.extraction.n_shards);

  Provenance provenance = make_provenance(options.extraction, model, dataset, options.dataset_split);
  provenance.kind = "labelled";
  provenance.attributes = options.attributes;
  provenance.weight_column = options.weight_column;
  provenance.rows = static_cast<std::int64_t>(shard.tokens.size());
  provenance.dropped[kTooLong] = shard.too_long;
  provenance.counts["special_in_content"] = shard.special_in_content;
  if (shard.special_in_content > 0)
    log::warn("{} rows hold special-token strings in their content; they are encoded as {}", shard.special_in_content,
              options.extraction.allow_special_in_content ? "special tokens" : "plain text");

  const std::filesystem::path target =
      embeddings_folder(options.extraction.data_root, model.name) /
      (shard_stem(dataset.name, options.extraction.shard_idx, options.extraction.n_shards) + ".safetensors");
  if (options.extraction.dry_run) {
    report_plan(options, model, shard, provenance, target);
    return target;
  }
  const Backbone backbone = loading.get();
  log::info("{}: {} rows; model {} on {}", dataset.name, provenance.rows, model.name, backbone.device_name());
  record_deviation(options.extraction, model, backbone, {shard.tokens.begin(), shard.tokens.end()}, provenance);
  const ExtractionStats stats = write_shard(options, shard, backbone, provenance, target);
  print_summary("stage1-prepare", provenance, stats, target);
  return target;
}

}  // namespace armorm
