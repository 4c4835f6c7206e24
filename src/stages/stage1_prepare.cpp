#include "stages/stage1_prepare.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "data/final_turn.h"
#include "data/form.h"
#include "stages/artifacts/artifact_paths.h"
#include "stages/options/declarations.h"
#include "stages/prepare/first_row.h"
#include "stages/prepare/prompt_id.h"
#include "stages/prepare/row_sources.h"
#include "stages/prepare/shard_run.h"
#include "stages/status/status_report.h"

namespace armorm::stages {
namespace {

constexpr const char* kTooLong = "longer than seq_len";

constexpr const char* kNoLabel = "no label";

struct EncodedAnswer {
  std::size_t position = 0;  // of its row in the shard
  std::int64_t row_id = 0;
  std::int64_t answer = 0;                       // number in the row
  std::vector<text::tokenizer::TokenId> tokens;  // empty for a rejected one
  std::vector<float> labels;  // with the sample weight as the last column, if there is a weight column
  std::int64_t prompt_id = 0;
};

struct LabelledShard {
  std::vector<EncodedAnswer> answers;  // in the order of the shard's rows
  std::int64_t special_in_content = 0;
  std::int64_t no_final_answer = 0;
  std::vector<std::int64_t> too_long;    // row ids
  std::vector<std::int64_t> unlabelled;  // row ids of answers without any label of their form

  std::vector<std::int64_t> row_ids() const {
    std::vector<std::int64_t> ids;
    for (const EncodedAnswer& answer : answers) ids.push_back(answer.row_id);
    return ids;
  }
};

// A row that is read, and where its result goes.
struct PlacedRow {
  data::LabelledRow row;
  std::size_t place = 0;
};

constexpr const char* kRecipeWeights = "weight";  // name of weights that only the recipe gives

// Empty for rows without weights.
std::string weight_column(const Stage1PrepareOptions& options, const data::Mixture& mixture) {
  if (!options.weight_column.empty() || !mixture.is_weighted()) return options.weight_column;
  return kRecipeWeights;
}

void check_weight(const data::LabelledRow& row) {
  const float weight = row.labels.back();
  if (!(weight >= 0) || !std::isfinite(weight))
    fail_data(
        "the weight is {}; every row needs a finite weight of at least 0 in the column of --weight_column",
        std::isnan(weight) ? "missing" : fmt::format("{:g}", weight));
}

prepare::ShardRows choose_rows(const ExtractionOptions& run, std::int64_t split_rows,
                               const std::vector<std::int64_t>& candidates) {
  return prepare::select_shard(split_rows, candidates, true, run.n_shards, run.shard_idx,
                               static_cast<std::uint64_t>(run.seed));
}

LabelledShard encode_shard(const Stage1PrepareOptions& options, const prepare::ModelInputs& model,
                           const data::Mixture& mixture, const prepare::ShardRows& shard,
                           prepare::BadRows& bad_rows) {
  LabelledShard out;
  const std::string weights = weight_column(options, mixture);
  std::atomic<std::int64_t> special{0};
  std::atomic<std::int64_t> no_answer{0};
  prepare::ParallelRows<PlacedRow> rows(prepare::thread_count(options.extraction), [&](PlacedRow& placed) {
    data::LabelledRow& row = placed.row;
    text::ConversationEncoder::Encoded encoded;
    const auto encode = [&] {
      if (bad_rows.skipping()) data::check_final_answer(row.messages);
      encoded = model.encoder.encode(row.messages);
      if (encoded.tokens.empty())
        fail_data("the conversation is rendered to no tokens; check the chat template");
    };
    if (!prepare::usable(bad_rows, row.row_id, "messages", encode)) return;
    const auto weigh = [&] {
      if (!weights.empty()) check_weight(row);
    };
    if (!prepare::usable(bad_rows, row.row_id, weights.c_str(), weigh)) return;
    special += encoded.special_in_content ? 1 : 0;
    no_answer += data::ends_without_answer(row.messages) ? 1 : 0;
    EncodedAnswer& answer = out.answers[placed.place];
    answer.tokens = std::move(encoded.tokens);
    answer.labels = std::move(row.labels);
    answer.prompt_id = prepare::prompt_id(row.messages);
  });
  mixture.for_each_labelled(
      shard.wanted(),
      [&](data::LabelledRow&& row) {
        if (mixture.lacks_labels(row)) return out.unlabelled.push_back(row.row_id);
        const auto position =
            static_cast<std::size_t>(shard.position_of[static_cast<std::size_t>(row.row_id)]);
        // No thread is at work between two rows.
        out.answers.push_back({position, row.row_id, row.answer, {}, {}, 0});
        rows.push({std::move(row), out.answers.size() - 1});
      },
      prepare::reject_into(bad_rows));
  rows.flush();
  std::stable_sort(out.answers.begin(), out.answers.end(),
                   [](const EncodedAnswer& a, const EncodedAnswer& b) { return a.position < b.position; });
  out.special_in_content = special;
  out.no_final_answer = no_answer;
  return out;
}

// Rejected rows have no tokens.
void drop_unusable_rows(LabelledShard& shard, std::size_t limit) {
  for (const EncodedAnswer& answer : shard.answers)
    if (answer.tokens.size() > limit) shard.too_long.push_back(answer.row_id);
  std::erase_if(shard.answers, [limit](const EncodedAnswer& answer) {
    return answer.tokens.empty() || answer.tokens.size() > limit;
  });
}

resume::ShardTensors describe_tensors(const LabelledShard& shard, std::int64_t n_attributes,
                                      std::int64_t hidden_size, const data::Mixture& mixture) {
  const auto n = static_cast<std::int64_t>(shard.answers.size());
  std::vector<float> labels;
  std::vector<float> weights;
  std::vector<std::int64_t> prompt_ids, answer_ids;
  for (const EncodedAnswer& answer : shard.answers) {
    labels.insert(labels.end(), answer.labels.begin(), answer.labels.begin() + n_attributes);
    weights.insert(weights.end(), answer.labels.begin() + n_attributes, answer.labels.end());
    prompt_ids.push_back(answer.prompt_id);
    answer_ids.push_back(answer.answer);
  }
  resume::ShardTensors tensors{.embeddings = {{"embeddings", DType::bf16, {n, hidden_size}}},
                               .known = {resume::known_tensor<float>("labels", {n, n_attributes}, labels),
                                         resume::known_tensor<std::int64_t>("row_ids", {n}, shard.row_ids()),
                                         resume::known_tensor<std::int64_t>("prompt_ids", {n}, prompt_ids)},
                               .width = hidden_size,
                               .rows = n};
  if (!weights.empty()) tensors.known.push_back(resume::known_tensor<float>("sample_weights", {n}, weights));
  const bool has_several_answers = std::any_of(
      mixture.sets().begin(), mixture.sets().end(),
      [](const data::Mixture::Set& set) { return set.form != nullptr && set.form->has_several_answers(); });
  if (has_several_answers)
    tensors.known.push_back(resume::known_tensor<std::int64_t>("answer_ids", {n}, answer_ids));
  if (mixture.is_mixture())
    tensors.known.push_back(resume::known_tensor<std::int64_t>(
        "source_ids", {n}, prepare::sets_of(mixture, shard.row_ids()).ids));
  return tensors;
}

std::vector<model::ExtractionRequest> make_requests(const LabelledShard& shard) {
  std::vector<model::ExtractionRequest> requests;
  for (const EncodedAnswer& answer : shard.answers)
    requests.push_back({answer.tokens, {static_cast<std::int64_t>(answer.tokens.size()) - 1}});
  return requests;
}

artifacts::Provenance describe(const Stage1PrepareOptions& options, const prepare::ModelInputs& model,
                               const prepare::DatasetInputs& dataset, const data::RowSelection& selection,
                               const LabelledShard& shard) {
  artifacts::Provenance p =
      prepare::make_provenance(options.extraction, model, dataset, options.dataset_split);
  p.kind = "labelled";
  p.attributes = options.attributes;
  p.weight_column = weight_column(options, dataset.rows);
  p.dataset_config = options.dataset_config;
  if (!dataset.rows.is_mixture()) p.form = prepare::form_text(dataset.rows.sets().front());
  if (dataset.rows.is_mixture()) p.sources = prepare::sets_of(dataset.rows, {}).names;
  prepare::record_selection(dataset.rows, selection, p);
  p.rows = static_cast<std::int64_t>(shard.answers.size());
  p.dropped[kTooLong] = shard.too_long;
  if (!shard.unlabelled.empty()) p.dropped[kNoLabel] = shard.unlabelled;
  p.counts["special_in_content"] = shard.special_in_content;
  if (shard.no_final_answer > 0) p.counts["no_final_answer"] = shard.no_final_answer;
  return p;
}

void add_samples(const Stage1PrepareOptions& options, const data::Mixture& mixture,
                 const LabelledShard& shard, prepare::DryRunPlan& plan) {
  std::vector<std::string> labels = options.attributes;
  if (mixture.is_weighted()) labels.push_back(weight_column(options, mixture));
  plan.first_row = prepare::first_labelled_rows(mixture, labels);
  const EncodedAnswer& first = shard.answers.front();
  plan.samples = {{fmt::format("row {}", mixture.row_name(first.row_id)), first.tokens, {}}};
  for (std::size_t k = 0; k < options.attributes.size(); ++k)
    plan.label_counts[options.attributes[k]] =
        std::count_if(shard.answers.begin(), shard.answers.end(),
                      [k](const EncodedAnswer& answer) { return !std::isnan(answer.labels[k]); });
}

prepare::DatasetChoice data_of(const Stage1PrepareOptions& options) {
  return {options.dataset_path,  options.dataset_name, options.dataset_config,
          options.dataset_split, options.columns,      {.ratings = options.form}};
}

// Weights that stage 1 uses only when it is asked to.
void report_weights(const Stage1PrepareOptions& options, const data::Mixture& mixture) {
  if (mixture.is_mixture() && mixture.is_weighted())
    log::info("rows have weights; stage1-train uses them with --weight_column {}",
              weight_column(options, mixture));
}

}  // namespace

std::filesystem::path run_stage1_prepare(const Stage1PrepareOptions& given,
                                         const options::StageEnvironment& environment) {
  Stage1PrepareOptions options = given;
  if (options.extraction.status) {
    status::print_status(options.extraction,
                         {"stage1-prepare", prepare::dataset_name(data_of(options)), false});
    return {};
  }
  const prepare::DatasetPlan plan = prepare::plan_dataset(data_of(options), data::RowKind::ratings);
  const prepare::ModelInputs model =
      prepare::open_model_inputs(options.extraction, environment.stop_requested);
  const prepare::DatasetInputs dataset =
      prepare::open_ratings(plan, {options.attributes, options.weight_column}, environment.stop_requested);
  const data::Mixture& mixture = dataset.rows;
  prepare::report_forms(dataset);
  report_weights(options, mixture);
  const std::filesystem::path target =
      artifacts::embeddings_folder(options.extraction.data_root, model.name) /
      (artifacts::shard_stem(dataset.name, options.extraction.shard_idx, options.extraction.n_shards) +
       ".safetensors");

  prepare::ShardJob job =
      prepare::begin_job("stage1-prepare", target, model, environment, options.extraction);
  data::RowSelection selection = prepare::select_rows(mixture, options.extraction);
  const prepare::ShardRows rows =
      choose_rows(options.extraction, mixture.num_rows(), std::exchange(selection.rows, {}));
  prepare::BadRows bad_rows(options.extraction, static_cast<std::int64_t>(rows.row_ids.size()), target,
                            environment.files, prepare::row_names(mixture));
  LabelledShard shard = encode_shard(options, model, mixture, rows, bad_rows);
  drop_unusable_rows(
      shard,
      static_cast<std::size_t>(options.seq_len > 0 ? options.seq_len : model.config.max_position_embeddings));
  if (shard.answers.empty())
    fail_data("{}: shard {} of {} holds no rows to embed; check --seq_len and --n_shards; {} rows are {}{}{}",
              dataset.description, options.extraction.shard_idx, options.extraction.n_shards,
              shard.too_long.size(), kTooLong,
              shard.unlabelled.empty() ? "" : fmt::format("; {} have {}", shard.unlabelled.size(), kNoLabel),
              bad_rows.summary());
  prepare::warn_of_special_content(shard.special_in_content, "rows",
                                   options.extraction.allow_special_in_content);
  prepare::warn_of_missing_answers(shard.no_final_answer, "rows");

  job.provenance = describe(options, model, dataset, selection, shard);
  job.tensors = describe_tensors(shard, std::ssize(options.attributes), model.config.hidden_size, mixture);
  job.row_ids = shard.row_ids();
  job.data_digest = [&] { return prepare::data_digest(mixture); };
  job.requests = make_requests(shard);
  prepare::report_model_limit(options.seq_len, model.config, job.requests);
  job.store = [](std::size_t request, MatrixView<const float> values, resume::DurableRows& out) {
    out.put(0, request, values.row(0));
  };
  return prepare::finish_job(job,
                             {options::describe(options), options.extraction, model, bad_rows, environment},
                             [&](prepare::DryRunPlan& shown) {
                               prepare::describe_sets(mixture, selection, shown);
                               add_samples(options, mixture, shard, shown);
                             });
}

}  // namespace armorm::stages
