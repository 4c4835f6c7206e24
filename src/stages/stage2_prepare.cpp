#include "armorm/stages/stage2_prepare.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <numeric>

#include "armorm/core/error.h"
#include "armorm/core/log.h"
#include "armorm/core/progress.h"
#include "armorm/text/gating_pattern.h"
#include "stages/artifact_paths.h"
#include "stages/dry_run.h"
#include "stages/extraction_run.h"

namespace armorm {
namespace {

constexpr const char* kTooLong = "a side longer than seq_len";
constexpr const char* kSideNames[] = {"chosen", "rejected"};

struct EncodedPair {
  std::array<std::vector<TokenId>, 2> tokens;  // chosen, rejected
  std::array<std::int64_t, 2> gating{};        // start of the gating pattern
  bool same_prompt = false;                    // the tokens up to the gating position agree
  std::string subset;

  std::int64_t length() const { return static_cast<std::int64_t>(std::max(tokens[0].size(), tokens[1].size())); }
};

struct PairShard {
  std::vector<std::int64_t> row_ids;
  std::vector<EncodedPair> pairs;
  std::int64_t special_in_content = 0;
  std::int64_t prompts_differ = 0;
  std::vector<std::int64_t> too_long;  // row ids
};

void check_model_family(const std::string& family, const ModelInputs& model) {
  const std::string wanted = family == "llama3" ? "llama" : "gemma2";
  if (model.config.model_type != wanted)
    fail_usage("--model_family: {} needs a model_type '{}', but {} says '{}'; use --model_family {}", family, wanted,
               (model.folder / "config.json").string(), model.config.model_type,
               model.config.model_type == "gemma2" ? "gemma2" : "llama3");
}

std::vector<std::int64_t> candidate_rows(const Dataset& dataset, const std::string& source, const std::string& path) {
  std::vector<std::int64_t> rows;
  if (source.empty()) {
    rows.resize(static_cast<std::size_t>(dataset.num_rows()));
    std::iota(rows.begin(), rows.end(), 0);
    return rows;
  }
  const std::vector<std::string> sources = dataset.read_strings("source");
  for (std::size_t i = 0; i < sources.size(); ++i)
    if (sources[i] == source) rows.push_back(static_cast<std::int64_t>(i));
  if (rows.empty()) fail_data("{}: no row has source '{}'; check --source against the column's values", path, source);
  return rows;
}

class PairEncoder {
 public:
  PairEncoder(const ModelInputs& model, const std::string& family)
      : encoder_(model.encoder), pattern_(gating_pattern(model.encoder.tokenizer(), parse_model_family(family))) {}

  EncodedPair encode(const PreferenceRow& row, bool& special_in_content) const {
    EncodedPair pair;
    for (std::size_t side = 0; side < 2; ++side) {
      auto encoded = encoder_.encode(side == 0 ? row.chosen : row.rejected);
      special_in_content |= encoded.special_in_content;
      const auto position = find_gating_pattern(encoded.tokens, pattern_);
      if (!position)
        fail_data("row {}, {}: the rendered conversation holds no start of an assistant's answer (the gating pattern of "
                  "--model_family); check the messages' roles and the chat template", row.row_id, kSideNames[side]);
      pair.gating[side] = *position;
      pair.tokens[side] = std::move(encoded.tokens);
    }
    pair.subset = row.subset;
    pair.same_prompt = pair.gating[0] == pair.gating[1] &&
                       std::equal(pair.tokens[0].begin(), pair.tokens[0].begin() + pair.gating[0] + 1,
                                  pair.tokens[1].begin());
    return pair;
  }

 private:
  const ConversationEncoder& encoder_;
  std::vector<TokenId> pattern_;
};

PairShard encode_shard(const Stage2PrepareOptions& options, const ModelInputs& model, const Dataset& dataset) {
  const ExtractionOptions& run = options.extraction;
  const ShardRows shard =
      select_shard(dataset.num_rows(), candidate_rows(dataset, options.source, options.dataset_path), run.n_shards > 1,
                   run.n_shards, run.shard_idx, static_cast<std::uint64_t>(run.seed));
  PairShard out;
  out.row_ids = shard.row_ids;
  out.pairs.resize(shard.row_ids.size());
  const PairEncoder encoder(model, options.model_family);
  std::atomic<std::int64_t> special{0};
  ParallelRows<PreferenceRow> rows(thread_count(run), [&](PreferenceRow& row) {
    bool special_here = false;
    const auto position = static_cast<std::size_t>(shard.position_of[static_cast<std::size_t>(row.row_id)]);
    out.pairs[position] = encoder.encode(row, special_here);
    special += special_here ? 1 : 0;
  });
  dataset.for_each_preference(shard.wanted(), [&](PreferenceRow&& row) { rows.push(std::move(row)); });
  rows.flush();
  out.special_in_content = special;
  return out;
}

void drop_long_pairs(PairShard& shard, std::int64_t limit) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < shard.pairs.size(); ++i) {
    if (shard.pairs[i].length() > limit) {
      shard.too_long.push_back(shard.row_ids[i]);
      continue;
    }
    if (kept != i) shard.pairs[kept] = std::move(shard.pairs[i]);
    shard.row_ids[kept] = shard.row_ids[i];
    shard.prompts_differ += shard.pairs[kept].same_prompt ? 0 : 1;
    ++kept;
  }
  shard.pairs.resize(kept);
  shard.row_ids.resize(kept);
}

// Subset names in order of first appearance; ids by row.
std::vector<std::int64_t> number_subsets(const PairShard& shard, std::vector<std::string>& names) {
  std::vector<std::int64_t> ids;
  for (const EncodedPair& pair : shard.pairs) {
    const auto found = std::find(names.begin(), names.end(), pair.subset);
    ids.push_back(found - names.begin());
    if (found == names.end()) names.push_back(pair.subset);
  }
  return ids;
}

// Two requests per pair; a rejected side with the same prompt does not ask for the prompt's row again.
std::vector<ExtractionRequest> make_requests(const PairShard& shard) {
  std::vector<ExtractionRequest> requests;
  for (const EncodedPair& pair : shard.pairs) {
    for (std::size_t side = 0; side < 2; ++side) {
      const auto last = static_cast<std::int64_t>(pair.tokens[side].size()) - 1;
      std::vector<std::int64_t> wanted{last};
      if (side == 0 || !pair.same_prompt) wanted.push_back(pair.gating[side]);
      requests.push_back({pair.tokens[side], std::move(wanted)});
    }
  }
  return requests;
}

std::vector<TensorSpec> tensors(std::int64_t n, std::int64_t d, bool subsets) {
  std::vector<TensorSpec> specs{{"embeddings", DType::bf16, {n, 2, d}},
                                {"prompt_embeddings", DType::bf16, {n, 2, d}},
                                {"row_ids", DType::i64, {n}}};
  if (subsets) specs.push_back({"subset_ids", DType::i64, {n}});
  return specs;
}

class PairWriter {
 public:
  PairWriter(const std::filesystem::path& target, const Provenance& provenance, std::int64_t hidden_size, bool subsets)
      : row_bytes_(static_cast<std::uint64_t>(hidden_size) * sizeof(BFloat16)),
        writer_(target, tensors(provenance.rows, hidden_size, subsets), provenance.to_metadata()) {}

  void write(const char* tensor, std::size_t pair, std::size_t side, std::span<const float> row) {
    const std::vector<BFloat16> stored = to_bf16(row);
    writer_.write_at(tensor, (2 * pair + side) * row_bytes_, std::as_bytes(std::span(stored)));
  }
  void publish(const std::vector<std::int64_t>& row_ids, const std::vector<std::int64_t>& subset_ids) {
    writer_.write_at("row_ids", 0, std::as_bytes(std::span(row_ids)));
    if (!subset_ids.empty()) writer_.write_at("subset_ids", 0, std::as_bytes(std::span(subset_ids)));
    writer_.publish();
  }

 private:
  std::uint64_t row_bytes_;
  SafetensorsWriter writer_;
};

ExtractionStats extract(const Stage2PrepareOptions& options, const PairShard& shard, const Backbone& backbone,
                        PairWriter& writer) {
  Progress progress("stage2-prepare", static_cast<std::int64_t>(2 * shard.pairs.size()));
  Extractor extractor(backbone, {.batch_tokens = options.extraction.batch_tokens});
  return extractor.run(make_requests(shard), [&](std::size_t request, MatrixView<const float> rows) {
    const std::size_t pair = request / 2;
    const std::size_t side = request % 2;
    writer.write("embeddings", pair, side, rows.row(0));
    if (rows.rows > 1) writer.write("prompt_embeddings", pair, side, rows.row(1));
    if (side == 0 && shard.pairs[pair].same_prompt) writer.write("prompt_embeddings", pair, 1, rows.row(1));
    progress.advance(1, static_cast<std::int64_t>(shard.pairs[pair].tokens[side].size()));
  });
}

Provenance describe(const Stage2PrepareOptions& options, const ModelInputs& model, const DatasetInputs& dataset,
                    const PairShard& shard) {
  Provenance p = make_provenance(options.extraction, model, dataset, options.dataset_split);
  p.kind = "preference";
  p.source = options.source;
  p.rows = static_cast<std::int64_t>(shard.pairs.size());
  p.dropped[kTooLong] = shard.too_long;
  p.counts["special_in_content"] = shard.special_in_content;
  p.counts["prompts_differ"] = shard.prompts_differ;
  return p;
}

void report_plan(const Stage2PrepareOptions& options, const ModelInputs& model, const PairShard& shard,
                 const Provenance& provenance, const std::filesystem::path& target) {
  const std::vector<ExtractionRequest> requests = make_requests(shard);
  DryRunPlan plan{.program = "stage2-prepare", .provenance = provenance, .requests = requests, .samples = {},
                  .label_counts = {}, .target = target,
                  .target_bytes = total_bytes(tensors(provenance.rows, model.config.hidden_size,
                                                      !provenance.subset_names.empty()))};
  const EncodedPair& first = shard.pairs.front();
  for (std::size_t side = 0; side < 2; ++side)
    plan.samples.push_back({fmt::format("row {}, {}", shard.row_ids.front(), kSideNames[side]), first.tokens[side],
                            first.gating[side]});
  print_dry_run(options.extraction, model, plan);
}

void report_counts(const PairShard& shard, bool special_allowed) {
  if (shard.special_in_content > 0)
    log::warn("{} pairs hold special-token strings in their content; they are encoded as {}", shard.special_in_content,
              special_allowed ? "special tokens" : "plain text");
  if (shard.prompts_differ > 0)
    log::info("{} pairs have sides with different prompts; each side keeps its own prompt embedding", shard.prompts_differ);
}

}  // namespace

OptionList Stage2PrepareOptions::declare() {
  OptionList list;
  extraction.declare(list);
  list.add("model_family", model_family, "Family of the backbone; decides the gating position", {"llama3", "gemma2"})
      .add("dataset_path", dataset_path, "Preference data set: a file, a folder, or a Hub id")
      .add("source", source, "Keep the rows whose `source` column equals this; empty = all")
      .add("dataset_split", dataset_split, "Split of the data set")
      .add("columns", columns, "Other names of columns, comma-separated: chosen=winner,rejected=loser")
      .add("seq_len", seq_len, "Longest side in tokens; a pair with a longer one is dropped, counted and recorded");
  return list;
}

void Stage2PrepareOptions::validate() const {
  extraction.validate();
  if (dataset_path.empty()) fail_usage("--dataset_path: is empty; name a file, a folder or a Hub id");
  if (seq_len < 1) fail_usage("--seq_len: {} is out of range; it must be at least 1", seq_len);
  if (model_family != "llama3" && model_family != "gemma2")
    fail_usage("--model_family: '{}' is unknown; use llama3 or gemma2", model_family);
}

std::filesystem::path run_stage2_prepare(const Stage2PrepareOptions& options) {
  const ModelInputs model = open_model_inputs(options.extraction);
  check_model_family(options.model_family, model);
  const DatasetInputs dataset = open_dataset_inputs(options.dataset_path, options.dataset_split, options.columns);
  std::future<Backbone> loading = load_backbone(options.extraction, model);
  PairShard shard = encode_shard(options, model, dataset.dataset);
  drop_long_pairs(shard, options.seq_len);
  if (shard.pairs.empty())
    fail_data("{}: shard {} of {} holds no pairs to embed; check --seq_len, --source and --n_shards", options.dataset_path,
              options.extraction.shard_idx, options.extraction.n_shards);
  report_counts(shard, options.extraction.allow_special_in_content);

  Provenance provenance = describe(options, model, dataset, shard);
  std::vector<std::int64_t> subset_ids = number_subsets(shard, provenance.subset_names);
  if (provenance.subset_names == std::vector<std::string>{""}) {  // a set without subsets
    provenance.subset_names.clear();
    subset_ids.clear();
  }
  std::string stem = preference_stem(dataset.name, options.source, options.dataset_split);
  if (options.extraction.n_shards > 1) stem = shard_stem(stem, options.extraction.shard_idx, options.extraction.n_shards);
  const std::filesystem::path target =
      embeddings_folder(options.extraction.data_root, model.name) / (stem + ".safetensors");
  if (options.extraction.dry_run) {
    report_plan(options, model, shard, provenance, target);
    return target;
  }
  const Backbone backbone = loading.get();
  log::info("{}: {} pairs; model {} on {}", dataset.name, provenance.rows, model.name, backbone.device_name());
  std::vector<std::span<const TokenId>> chosen;
  for (const EncodedPair& pair : shard.pairs) chosen.push_back(pair.tokens[0]);
  record_deviation(options.extraction, model, backbone, chosen, provenance);
  PairWriter writer(target, provenance, backbone.config().hidden_size, !subset_ids.empty());
  const ExtractionStats stats = extract(options, shard, backbone, writer);
  writer.publish(shard.row_ids, subset_ids);
  print_summary("stage2-prepare", provenance, stats, target);
  return target;
}

}  // namespace armorm
