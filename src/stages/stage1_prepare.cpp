#include "stages/stage1_prepare.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "core/error.h"
#include "core/log.h"
#include "data/final_turn.h"
#include "hub/cache.h"
#include "stages/artifacts/artifact_paths.h"
#include "stages/options/declarations.h"
#include "stages/prepare/prompt_id.h"
#include "stages/prepare/shard_run.h"
#include "stages/status/status_report.h"

namespace armorm::stages {
namespace {

constexpr const char* kTooLong = "longer than seq_len";

// The rows of this shard, by output position.
struct LabelledShard {
  std::vector<std::int64_t> row_ids;
  std::vector<std::vector<text::tokenizer::TokenId>> tokens;
  std::vector<std::vector<float>>
      labels;  // with the sample weight as the last column, if there is a weight column
  std::vector<std::int64_t> prompt_ids;
  std::int64_t special_in_content = 0;
  std::int64_t no_final_answer = 0;
  std::vector<std::int64_t> too_long;  // row ids
};

std::vector<std::string> label_columns(const Stage1PrepareOptions& options) {
  std::vector<std::string> columns = options.attributes;
  if (!options.weight_column.empty()) columns.push_back(options.weight_column);
  return columns;
}

void check_weight(const data::LabelledRow& row) {
  const float weight = row.labels.back();
  if (!(weight >= 0) || !std::isfinite(weight))
    fail_data(
        "the weight is {}; every row needs a finite weight of at least 0 in the column of --weight_column",
        std::isnan(weight) ? "missing" : fmt::format("{:g}", weight));
}

prepare::ShardRows choose_rows(const ExtractionOptions& run, const data::Dataset& dataset) {
  return prepare::select_shard(dataset.num_rows(), prepare::all_rows(dataset.num_rows()), true, run.n_shards,
                               run.shard_idx, static_cast<std::uint64_t>(run.seed));
}

LabelledShard encode_shard(const Stage1PrepareOptions& options, const prepare::ModelInputs& model,
                           const data::Dataset& dataset, const prepare::ShardRows& shard,
                           prepare::BadRows& bad_rows) {
  LabelledShard out;
  out.row_ids = shard.row_ids;
  out.tokens.resize(shard.row_ids.size());
  out.labels.resize(shard.row_ids.size());
  out.prompt_ids.resize(shard.row_ids.size());
  std::atomic<std::int64_t> special{0};
  std::atomic<std::int64_t> no_answer{0};
  prepare::ParallelRows<data::LabelledRow> rows(
      prepare::thread_count(options.extraction), [&](data::LabelledRow& row) {
        const auto position =
            static_cast<std::size_t>(shard.position_of[static_cast<std::size_t>(row.row_id)]);
        text::ConversationEncoder::Encoded encoded;
        const auto encode = [&] {
          if (bad_rows.skipping()) data::check_final_answer(row.messages);
          encoded = model.encoder.encode(row.messages);
          if (encoded.tokens.empty())
            fail_data("the conversation is rendered to no tokens; check the chat template");
        };
        if (!prepare::usable(bad_rows, row.row_id, "messages", encode)) return;
        const auto weigh = [&] {
          if (!options.weight_column.empty()) check_weight(row);
        };
        if (!prepare::usable(bad_rows, row.row_id, options.weight_column.c_str(), weigh)) return;
        special += encoded.special_in_content ? 1 : 0;
        no_answer += data::ends_without_answer(row.messages) ? 1 : 0;
        out.tokens[position] = std::move(encoded.tokens);
        out.labels[position] = std::move(row.labels);
        out.prompt_ids[position] = prepare::prompt_id(row.messages);
      });
  dataset.for_each_labelled(
      label_columns(options), shard.wanted(), [&](data::LabelledRow&& row) { rows.push(std::move(row)); },
      prepare::reject_into(bad_rows));
  rows.flush();
  out.special_in_content = special;
  out.no_final_answer = no_answer;
  return out;
}

// Rejected rows have no tokens.
void drop_unusable_rows(LabelledShard& shard, std::size_t limit) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < shard.tokens.size(); ++i) {
    if (shard.tokens[i].empty()) continue;
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

resume::ShardTensors describe_tensors(const LabelledShard& shard, std::int64_t n_attributes,
                                      std::int64_t hidden_size) {
  const auto n = static_cast<std::int64_t>(shard.tokens.size());
  std::vector<float> labels;
  std::vector<float> weights;
  for (const std::vector<float>& row : shard.labels) {
    labels.insert(labels.end(), row.begin(), row.begin() + n_attributes);
    weights.insert(weights.end(), row.begin() + n_attributes, row.end());
  }
  resume::ShardTensors tensors{
      .embeddings = {{"embeddings", DType::bf16, {n, hidden_size}}},
      .known = {resume::known_tensor<float>("labels", {n, n_attributes}, labels),
                resume::known_tensor<std::int64_t>("row_ids", {n}, shard.row_ids),
                resume::known_tensor<std::int64_t>("prompt_ids", {n}, shard.prompt_ids)},
      .width = hidden_size,
      .rows = n};
  if (!weights.empty()) tensors.known.push_back(resume::known_tensor<float>("sample_weights", {n}, weights));
  return tensors;
}

std::vector<model::ExtractionRequest> make_requests(const LabelledShard& shard) {
  std::vector<model::ExtractionRequest> requests;
  for (const auto& tokens : shard.tokens)
    requests.push_back({tokens, {static_cast<std::int64_t>(tokens.size()) - 1}});
  return requests;
}

artifacts::Provenance describe(const Stage1PrepareOptions& options, const prepare::ModelInputs& model,
                               const prepare::DatasetInputs& dataset, const LabelledShard& shard) {
  artifacts::Provenance p =
      prepare::make_provenance(options.extraction, model, dataset, options.dataset_split);
  p.kind = "labelled";
  p.attributes = options.attributes;
  p.weight_column = options.weight_column;
  p.dataset_config = options.dataset_config;
  p.rows = static_cast<std::int64_t>(shard.tokens.size());
  p.dropped[kTooLong] = shard.too_long;
  p.counts["special_in_content"] = shard.special_in_content;
  if (shard.no_final_answer > 0) p.counts["no_final_answer"] = shard.no_final_answer;
  return p;
}

void add_samples(const Stage1PrepareOptions& options, const LabelledShard& shard, prepare::DryRunPlan& plan) {
  plan.samples = {{fmt::format("row {}", shard.row_ids.front()), shard.tokens.front(), {}}};
  for (std::size_t k = 0; k < options.attributes.size(); ++k)
    plan.label_counts[options.attributes[k]] =
        std::count_if(shard.labels.begin(), shard.labels.end(),
                      [k](const std::vector<float>& row) { return !std::isnan(row[k]); });
}

}  // namespace

std::filesystem::path run_stage1_prepare(const Stage1PrepareOptions& given,
                                         const options::StageEnvironment& environment) {
  Stage1PrepareOptions options = given;
  if (options.extraction.status) {
    status::print_status(options.extraction,
                         {"stage1-prepare", hub::artifact_name(options.dataset_path), false});
    return {};
  }
  const prepare::ModelInputs model =
      prepare::open_model_inputs(options.extraction, environment.stop_requested);
  const prepare::DatasetInputs dataset = prepare::open_dataset_inputs(
      {options.dataset_path, options.dataset_config, options.dataset_split, options.columns},
      environment.stop_requested);
  log::info("{}: {} rows", dataset.name, dataset.dataset.num_rows());
  const std::filesystem::path target =
      artifacts::embeddings_folder(options.extraction.data_root, model.name) /
      (artifacts::shard_stem(dataset.name, options.extraction.shard_idx, options.extraction.n_shards) +
       ".safetensors");

  prepare::ShardJob job =
      prepare::begin_job("stage1-prepare", target, model, environment, options.extraction);
  const prepare::ShardRows rows = choose_rows(options.extraction, dataset.dataset);
  prepare::BadRows bad_rows(options.extraction, static_cast<std::int64_t>(rows.row_ids.size()), target,
                            environment.files);
  LabelledShard shard = encode_shard(options, model, dataset.dataset, rows, bad_rows);
  drop_unusable_rows(
      shard,
      static_cast<std::size_t>(options.seq_len > 0 ? options.seq_len : model.config.max_position_embeddings));
  if (shard.tokens.empty())
    fail_data("{}: shard {} of {} holds no rows to embed; check --seq_len and --n_shards; {} rows are {}{}",
              options.dataset_path, options.extraction.shard_idx, options.extraction.n_shards,
              shard.too_long.size(), kTooLong, bad_rows.summary());
  prepare::warn_of_special_content(shard.special_in_content, "rows",
                                   options.extraction.allow_special_in_content);
  prepare::warn_of_missing_answers(shard.no_final_answer, "rows");

  job.provenance = describe(options, model, dataset, shard);
  job.tensors =
      describe_tensors(shard, static_cast<std::int64_t>(options.attributes.size()), model.config.hidden_size);
  job.row_ids = shard.row_ids;
  job.data_digest = [&] { return prepare::data_digest(dataset.dataset, options.columns); };
  job.requests = make_requests(shard);
  prepare::report_model_limit(options.seq_len, model.config, job.requests);
  job.store = [](std::size_t request, MatrixView<const float> values, resume::DurableRows& out) {
    out.put(0, request, values.row(0));
  };
  return prepare::finish_job(job,
                             {options::describe(options), options.extraction, model, bad_rows, environment},
                             [&](prepare::DryRunPlan& plan) { add_samples(options, shard, plan); });
}

}  // namespace armorm::stages
