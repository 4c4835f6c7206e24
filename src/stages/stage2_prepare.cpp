#include "stages/stage2_prepare.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "core/words.h"
#include "data/answer_pairs.h"
#include "data/final_turn.h"
#include "data/form.h"
#include "eval/reward_bench_2.h"
#include "stages/artifacts/artifact_paths.h"
#include "stages/options/declarations.h"
#include "stages/prepare/first_row.h"
#include "stages/prepare/prompt_id.h"
#include "stages/prepare/row_sources.h"
#include "stages/prepare/shard_run.h"
#include "stages/status/status_report.h"
#include "text/gating_pattern.h"
#include "text/template_probe.h"

namespace armorm::stages {
namespace {

constexpr const char* kTooLong = "a side longer than seq_len";
constexpr const char* kTie = "nothing but ties";
constexpr const char* kNoLabel = "fewer than two answers with a label";
constexpr const char* kSideNames[] = {"chosen", "rejected"};

constexpr float kNoStrength = std::numeric_limits<float>::quiet_NaN();

struct EncodedPair {
  std::array<std::vector<text::tokenizer::TokenId>, 2> tokens;  // chosen, rejected
  std::array<std::int64_t, 2> gating{};                         // start of the gating pattern
  std::array<std::int64_t, 2> response{};                       // tokens after the gating pattern
  bool same_prompt = false;    // both sides have the same tokens up to the gating position
  std::int64_t prompt_id = 0;  // of the chosen side
  std::string subset;
  std::array<std::int64_t, 2> candidates{};  // row of several answers: indices of the chosen and the rejected
  float strength = kNoStrength;              // of the preference, where the form has it
  eval::TieId tie;

  std::int64_t length() const {
    return static_cast<std::int64_t>(std::max(tokens[0].size(), tokens[1].size()));
  }
};

// What is counted of each row.
struct RowFacts {
  bool special_in_content = false;
  bool no_final_answer = false;  // of one side at least
};

struct EncodedRow {
  std::vector<EncodedPair> pairs;  // none for a rejected row, and for one that labels make no pair of
  bool best_of_n = false;
  bool lacks_pairs = false;  // its labels make none
  std::int64_t tied_pairs = 0;
  std::int64_t unlabelled_answers = 0;
};

struct PairShard {
  std::vector<std::int64_t> row_ids;  // row id of each pair
  std::vector<EncodedPair> pairs;
  bool best_of_n = false;  // rows have several answers, and several pairs
  std::int64_t special_in_content = 0;
  std::int64_t no_final_answer = 0;
  std::int64_t prompts_differ = 0;
  std::int64_t identical_sides = 0;
  std::int64_t tied_pairs = 0;
  std::int64_t unlabelled_answers = 0;
  // Row ids
  std::vector<std::int64_t> too_long;
  std::vector<std::int64_t> ties;
  std::vector<std::int64_t> unlabelled;
};

using RowsByPosition = std::vector<EncodedRow>;

void check_model_family(ModelFamily family, const prepare::ModelInputs& model) {
  const std::string wanted = family == ModelFamily::llama3 ? "llama" : "gemma2";
  if (model.config.model_type == wanted) return;
  fail_usage("--model_family: {} needs a model_type '{}', but {} says '{}'; use --model_family auto",
             name_of(family), wanted, (model.folder.base / "config.json").string(), model.config.model_type);
}

// The tokens that open an answer; no content makes them from here on.
std::vector<text::tokenizer::TokenId> gating_pattern_of(ModelFamily family, prepare::ModelInputs& model) {
  const text::tokenizer::Tokenizer& tokenizer = model.encoder.tokenizer();
  if (family != ModelFamily::auto_) {
    check_model_family(family, model);
    return text::gating_pattern(tokenizer, family);
  }
  const text::ProbedPattern probed = text::probe_gating_pattern(model.encoder);
  log::info("{}: an answer is opened by {}, found by rendering probes with the chat template{}", model.name,
            text::describe_pattern(tokenizer, probed.ids),
            probed.opens_answers ? "" : "; its generation prompt does not write all of it");
  model.encoder.protect_pattern(probed.ids);
  return probed.ids;
}

// "a, b, ...": at most five distinct values, in order.
std::string first_values(const std::vector<std::string>& values) {
  constexpr std::size_t kShown = 5;
  const std::set<std::string> distinct(values.begin(), values.end());
  std::vector<std::string> shown;
  for (const std::string& value : distinct)
    if (shown.size() < kShown) shown.push_back(value);
  return fmt::format("{}{}", fmt::join(shown, ", "), distinct.size() > kShown ? ", ..." : "");
}

// A row whose source cannot be read has an empty one.
std::vector<std::int64_t> rows_of_source(const data::Dataset& dataset, const std::string& source,
                                         const std::string& path, bool skip_bad) {
  const data::RejectRow pass_over = [](std::int64_t row_id, const std::string& column,
                                       const std::string& reason) {
    log::warn("row {}: {}: {}; it has no source", row_id, column, reason);
  };
  const std::vector<std::string> sources =
      dataset.read_strings("source", skip_bad ? pass_over : data::RejectRow());
  std::vector<std::int64_t> rows;
  for (std::size_t i = 0; i < sources.size(); ++i)
    if (sources[i] == source) rows.push_back(static_cast<std::int64_t>(i));
  if (rows.empty())
    fail_data("{}: no row has source '{}'; check --source against the column's values: {}", path, source,
              first_values(sources));
  return rows;
}

class PairEncoder {
 public:
  PairEncoder(const text::ConversationEncoder& encoder, std::vector<text::tokenizer::TokenId> pattern)
      : encoder_(encoder), pattern_(std::move(pattern)) {}

  const text::ConversationEncoder& conversations() const { return encoder_; }
  const std::vector<text::tokenizer::TokenId>& pattern() const { return pattern_; }

  // Empty for a rejected row. The engine computes an answer of several pairs once.
  std::vector<EncodedPair> encode(const data::PreferenceRow& row, prepare::BadRows& bad_rows,
                                  RowFacts& facts) const {
    if (!row.answers.empty()) return encode_ranked(row, bad_rows, facts);
    const bool best_of_n = !row.all_chosen.empty();
    std::array<std::vector<EncodedSide>, 2> sides;
    for (std::size_t side = 0; side < 2; ++side) {
      const auto encode_here = [&] {
        const auto& all = side == 0 ? row.all_chosen : row.all_rejected;
        const Conversation& only = side == 0 ? row.chosen : row.rejected;
        if (!best_of_n) sides[side].push_back(encode_side(only, facts));
        for (const Conversation& answer : all) sides[side].push_back(encode_side(answer, facts));
        if (bad_rows.skipping()) data::check_final_answer(only);
      };
      if (!prepare::usable(bad_rows, row.row_id, kSideNames[side], encode_here)) return {};
    }
    eval::TieId tie;
    const auto parse_id = [&] { tie = best_of_n ? eval::parse_tie_id(row.subset, row.id) : eval::TieId(); };
    if (!prepare::usable(bad_rows, row.row_id, "id", parse_id)) return {};
    const std::int64_t prompt = prepare::prompt_id(best_of_n ? row.all_chosen.front() : row.chosen);
    std::vector<EncodedPair> pairs;
    for (const data::AnswerPair& answers : data::pair_answers(sides[0].size(), sides[1].size())) {
      EncodedPair& pair = pairs.emplace_back(make_pair(sides[0][answers.chosen], sides[1][answers.rejected]));
      pair.candidates = candidates_of(answers);
      pair.prompt_id = prompt;
      pair.subset = row.subset;
      pair.tie = tie;
    }
    return pairs;
  }

 private:
  struct EncodedSide {
    std::vector<text::tokenizer::TokenId> tokens;
    std::int64_t gating = 0;
    std::int64_t response = 0;
  };

  // Only the answers that are in a pair.
  std::vector<EncodedPair> encode_ranked(const data::PreferenceRow& row, prepare::BadRows& bad_rows,
                                         RowFacts& facts) const {
    std::map<std::size_t, EncodedSide> sides;
    const auto encode_answer = [&](std::size_t answer) {
      if (sides.contains(answer)) return;
      if (bad_rows.skipping()) data::check_final_answer(row.answers[answer]);
      sides[answer] = encode_side(row.answers[answer], facts);
    };
    const auto encode_here = [&] {
      for (const data::AnswerPair& pair : row.pairs)
        for (const std::size_t answer : {pair.chosen, pair.rejected}) encode_answer(answer);
    };
    if (!prepare::usable(bad_rows, row.row_id, "answers", encode_here)) return {};
    std::vector<EncodedPair> pairs;
    for (const data::AnswerPair& pair : row.pairs) {
      pairs.push_back(make_pair(sides[pair.chosen], sides[pair.rejected]));
      pairs.back().candidates = candidates_of(pair);
      pairs.back().strength = row.strength;
      pairs.back().prompt_id = prepare::prompt_id(row.answers[pair.chosen]);
    }
    return pairs;
  }

  static std::array<std::int64_t, 2> candidates_of(const data::AnswerPair& pair) {
    return {static_cast<std::int64_t>(pair.chosen), static_cast<std::int64_t>(pair.rejected)};
  }

  static EncodedPair make_pair(const EncodedSide& chosen, const EncodedSide& rejected) {
    EncodedPair pair;
    pair.tokens = {chosen.tokens, rejected.tokens};
    pair.gating = {chosen.gating, rejected.gating};
    pair.response = {chosen.response, rejected.response};
    pair.same_prompt =
        chosen.gating == rejected.gating &&
        std::equal(chosen.tokens.begin(), chosen.tokens.begin() + chosen.gating + 1, rejected.tokens.begin());
    return pair;
  }

  EncodedSide encode_side(const Conversation& conversation, RowFacts& facts) const {
    auto encoded = encoder_.encode(conversation);
    facts.special_in_content |= encoded.special_in_content;
    facts.no_final_answer |= data::ends_without_answer(conversation);
    const std::int64_t position = encoder_.gating_position(conversation, encoded.tokens, pattern_);
    const auto response = static_cast<std::int64_t>(encoded.tokens.size() - pattern_.size()) - position;
    return {std::move(encoded.tokens), position, response};
  }

  const text::ConversationEncoder& encoder_;
  std::vector<text::tokenizer::TokenId> pattern_;
};

// Of the rows that the recipe takes, or those of --source.
prepare::ShardRows choose_rows(const Stage2PrepareOptions& options, const prepare::DatasetInputs& dataset,
                               std::vector<std::int64_t> candidates) {
  const ExtractionOptions& run = options.extraction;
  const data::Mixture& mixture = dataset.rows;
  if (!options.source.empty())
    candidates = rows_of_source(mixture.sets().front().dataset, options.source, dataset.description,
                                run.on_bad_row == OnBadRow::skip);
  return prepare::select_shard(mixture.num_rows(), candidates, run.n_shards > 1, run.n_shards, run.shard_idx,
                               static_cast<std::uint64_t>(run.seed));
}

RowsByPosition encode_rows(const Stage2PrepareOptions& options, const PairEncoder& encoder,
                           const data::Mixture& mixture, const prepare::ShardRows& shard,
                           prepare::BadRows& bad_rows, PairShard& facts) {
  RowsByPosition out(shard.row_ids.size());
  std::atomic<std::int64_t> special{0};
  std::atomic<std::int64_t> no_answer{0};
  std::atomic<bool> best_of_n{false};
  prepare::ParallelRows<data::PreferenceRow> rows(
      prepare::thread_count(options.extraction), [&](data::PreferenceRow& row) {
        RowFacts row_facts;
        const auto position =
            static_cast<std::size_t>(shard.position_of[static_cast<std::size_t>(row.row_id)]);
        EncodedRow& encoded = out[position];
        encoded.pairs = encoder.encode(row, bad_rows, row_facts);
        encoded.best_of_n = !row.all_chosen.empty();
        encoded.lacks_pairs = !row.answers.empty() && row.pairs.empty();
        encoded.tied_pairs = row.tied_pairs;
        encoded.unlabelled_answers = row.unlabelled_answers;
        if (encoded.pairs.empty()) return;
        special += row_facts.special_in_content ? 1 : 0;
        no_answer += row_facts.no_final_answer ? 1 : 0;
        if (!row.all_chosen.empty()) best_of_n = true;
      });
  mixture.for_each_preference(
      shard.wanted(), [&](data::PreferenceRow&& row) { rows.push(std::move(row)); },
      prepare::reject_into(bad_rows));
  rows.flush();
  facts.special_in_content = special;
  facts.no_final_answer = no_answer;
  facts.best_of_n = best_of_n;
  return out;
}

bool is_too_long(const Stage2PrepareOptions& options, const EncodedPair& pair) {
  return pair.length() > options.seq_len;
}

// A row that labels make no pair of is one of ties, or lacks labels.
void count_labels(const EncodedRow& row, std::int64_t row_id, PairShard& shard) {
  shard.tied_pairs += row.tied_pairs;
  shard.unlabelled_answers += row.unlabelled_answers;
  if (row.lacks_pairs) (row.tied_pairs > 0 ? shard.ties : shard.unlabelled).push_back(row_id);
}

// The pairs of the usable rows. If one side of a best-of-n row is too long, the complete row is dropped: the
// best of the remaining answers need not be the best of all.
PairShard gather_pairs(const Stage2PrepareOptions& options, const PairEncoder& encoder,
                       const data::Mixture& mixture, const prepare::ShardRows& rows,
                       prepare::BadRows& bad_rows) {
  PairShard shard;
  RowsByPosition by_row = encode_rows(options, encoder, mixture, rows, bad_rows, shard);
  for (std::size_t i = 0; i < by_row.size(); ++i) {
    std::vector<EncodedPair>& pairs = by_row[i].pairs;
    count_labels(by_row[i], rows.row_ids[i], shard);
    const bool any_too_long = std::any_of(
        pairs.begin(), pairs.end(), [&](const EncodedPair& pair) { return is_too_long(options, pair); });
    if (any_too_long && by_row[i].best_of_n) {
      shard.too_long.push_back(rows.row_ids[i]);
      continue;
    }
    for (EncodedPair& pair : pairs) {
      if (is_too_long(options, pair)) {
        shard.too_long.push_back(rows.row_ids[i]);
        continue;
      }
      shard.prompts_differ += pair.same_prompt ? 0 : 1;
      shard.identical_sides += pair.tokens[0] == pair.tokens[1] ? 1 : 0;
      shard.row_ids.push_back(rows.row_ids[i]);
      shard.pairs.push_back(std::move(pair));
    }
    pairs.clear();
  }
  return shard;
}

// Numbers subset names in order of first appearance; returns the ids by row.
std::vector<std::int64_t> number_subsets(const PairShard& shard, std::vector<std::string>& names) {
  std::vector<std::int64_t> ids;
  for (const EncodedPair& pair : shard.pairs) {
    const auto found = std::find(names.begin(), names.end(), pair.subset);
    ids.push_back(found - names.begin());
    if (found == names.end()) names.push_back(pair.subset);
  }
  return ids;
}

// Two requests per pair; a rejected side with the same prompt does not request the prompt's row again.
std::vector<model::ExtractionRequest> make_requests(const PairShard& shard) {
  std::vector<model::ExtractionRequest> requests;
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

constexpr std::size_t kEmbeddings = 0;  // positions in ShardTensors::embeddings
constexpr std::size_t kPromptEmbeddings = 1;

std::vector<std::int64_t> response_lengths(const PairShard& shard) {
  std::vector<std::int64_t> lengths;
  for (const EncodedPair& pair : shard.pairs)
    lengths.insert(lengths.end(), pair.response.begin(), pair.response.end());
  return lengths;
}

std::vector<std::int64_t> prompt_ids(const PairShard& shard) {
  std::vector<std::int64_t> ids;
  for (const EncodedPair& pair : shard.pairs) ids.push_back(pair.prompt_id);
  return ids;
}

std::vector<std::int64_t> candidate_ids(const PairShard& shard) {
  std::vector<std::int64_t> ids;
  for (const EncodedPair& pair : shard.pairs)
    ids.insert(ids.end(), pair.candidates.begin(), pair.candidates.end());
  return ids;
}

// The answers of a row of the columns chosen and rejected are 0 and 1.
std::vector<std::int64_t> pair_ids(const PairShard& shard) {
  std::vector<std::int64_t> ids = candidate_ids(shard);
  for (std::size_t i = 0; i < ids.size(); i += 2)
    if (ids[i] == ids[i + 1]) ids[i + 1] = ids[i] + 1;
  return ids;
}

std::vector<float> strengths(const PairShard& shard) {
  std::vector<float> values;
  for (const EncodedPair& pair : shard.pairs) values.push_back(pair.strength);
  return values;
}

std::vector<std::int64_t> tie_ids(const PairShard& shard) {
  std::vector<std::int64_t> ids;
  for (const EncodedPair& pair : shard.pairs)
    ids.insert(ids.end(), {static_cast<std::int64_t>(pair.tie.kind), pair.tie.number});
  return ids;
}

template <class Fits>
bool any_form(const data::Mixture& mixture, const Fits& fits) {
  return std::any_of(mixture.sets().begin(), mixture.sets().end(),
                     [&](const data::Mixture::Set& set) { return set.form != nullptr && fits(*set.form); });
}

resume::ShardTensors describe_tensors(const PairShard& shard, const data::Mixture& mixture,
                                      const std::vector<std::int64_t>& subset_ids,
                                      const std::vector<std::int64_t>& source_ids, std::int64_t d) {
  const auto n = static_cast<std::int64_t>(shard.pairs.size());
  resume::ShardTensors tensors{
      .embeddings = {{"embeddings", DType::bf16, {n, 2, d}}, {"prompt_embeddings", DType::bf16, {n, 2, d}}},
      .known = {resume::known_tensor<std::int64_t>("row_ids", {n}, shard.row_ids),
                resume::known_tensor<std::int64_t>("lengths", {n, 2}, response_lengths(shard)),
                resume::known_tensor<std::int64_t>("prompt_ids", {n}, prompt_ids(shard))},
      .width = d,
      .rows = n};
  if (!subset_ids.empty())
    tensors.known.push_back(resume::known_tensor<std::int64_t>("subset_ids", {n}, subset_ids));
  if (!source_ids.empty())
    tensors.known.push_back(resume::known_tensor<std::int64_t>("source_ids", {n}, source_ids));
  if (any_form(mixture, [](const data::Form& form) { return form.is_described(); }))
    tensors.known.push_back(resume::known_tensor<std::int64_t>("pair_ids", {n, 2}, pair_ids(shard)));
  if (any_form(mixture, [](const data::Form& form) { return !form.strength.empty(); }))
    tensors.known.push_back(resume::known_tensor<float>("strengths", {n}, strengths(shard)));
  if (shard.best_of_n) {
    tensors.known.push_back(
        resume::known_tensor<std::int64_t>("candidate_ids", {n, 2}, candidate_ids(shard)));
    tensors.known.push_back(resume::known_tensor<std::int64_t>("tie_ids", {n, 2}, tie_ids(shard)));
  }
  return tensors;
}

void store_pair(const PairShard& shard, std::size_t request, MatrixView<const float> rows,
                resume::DurableRows& out) {
  const std::size_t pair = request / 2;
  const std::size_t side = request % 2;
  out.put(kEmbeddings, request, rows.row(0));
  if (rows.rows > 1) out.put(kPromptEmbeddings, request, rows.row(1));
  if (side == 0 && shard.pairs[pair].same_prompt) out.put(kPromptEmbeddings, request + 1, rows.row(1));
}

artifacts::Provenance describe(const Stage2PrepareOptions& options, const prepare::ModelInputs& model,
                               const PairEncoder& encoder, const prepare::DatasetInputs& dataset,
                               const data::RowSelection& selection, const PairShard& shard) {
  artifacts::Provenance p =
      prepare::make_provenance(options.extraction, model, dataset, options.dataset_split);
  p.kind = "preference";
  p.gating_pattern = encoder.pattern();
  p.source = options.source;
  p.dataset_config = options.dataset_config;
  p.rows = static_cast<std::int64_t>(shard.pairs.size());
  if (!dataset.rows.is_mixture()) p.form = prepare::form_text(dataset.rows.sets().front());
  prepare::record_selection(dataset.rows, selection, p);
  p.dropped[kTooLong] = shard.too_long;
  if (!shard.ties.empty()) p.dropped[kTie] = shard.ties;
  if (!shard.unlabelled.empty()) p.dropped[kNoLabel] = shard.unlabelled;
  if (shard.tied_pairs > 0) p.counts["tied_pairs"] = shard.tied_pairs;
  if (shard.unlabelled_answers > 0) p.counts["unlabelled_answers"] = shard.unlabelled_answers;
  p.counts["special_in_content"] = shard.special_in_content;
  if (shard.no_final_answer > 0) p.counts["no_final_answer"] = shard.no_final_answer;
  p.counts["prompts_differ"] = shard.prompts_differ;
  if (shard.identical_sides > 0) p.counts["identical_sides"] = shard.identical_sides;
  return p;
}

void add_samples(const PairEncoder& encoder, const data::Mixture& mixture, const PairShard& shard,
                 prepare::DryRunPlan& plan) {
  plan.gating_pattern = text::describe_pattern(encoder.conversations().tokenizer(), encoder.pattern());
  plan.first_row = prepare::first_preference_rows(mixture);
  const EncodedPair& first = shard.pairs.front();
  for (std::size_t side = 0; side < 2; ++side)
    plan.samples.push_back(
        {fmt::format("row {}, {}", mixture.row_name(shard.row_ids.front()), kSideNames[side]),
         first.tokens[side], first.gating[side]});
}

// "; 2 rows have nothing but ties, 1 rows have no label"; empty without such rows.
std::string labels_summary(const PairShard& shard) {
  if (shard.ties.empty() && shard.unlabelled.empty()) return "";
  return fmt::format("; {} rows have {}, {} rows have {}", shard.ties.size(), kTie, shard.unlabelled.size(),
                     kNoLabel);
}

void report_counts(const PairShard& shard, bool special_allowed) {
  prepare::warn_of_special_content(shard.special_in_content, "pairs", special_allowed);
  prepare::warn_of_missing_answers(shard.no_final_answer, "rows");
  if (shard.identical_sides > 0)
    log::warn("{} pairs have two sides of the same tokens: no gate can tell them apart",
              shard.identical_sides);
  if (shard.tied_pairs > 0) log::warn("{} pairs of answers are ties; they are left out", shard.tied_pairs);
  if (shard.unlabelled_answers > 0)
    log::warn("{} answers have no label; they are in no pair", shard.unlabelled_answers);
  if (shard.prompts_differ > 0)
    log::info("{} pairs have sides with different prompts; each side keeps its own prompt embedding",
              shard.prompts_differ);
}

prepare::DatasetChoice data_of(const Stage2PrepareOptions& options) {
  return {options.dataset_path,
          options.dataset_name,
          options.dataset_config,
          options.dataset_split,
          options.columns,
          {.pairs = options.form,
           .preference_label = options.preference_label,
           .ranked_pairs = options.ranked_pairs}};
}

// Of the files, without the shard.
std::string stem_of(const Stage2PrepareOptions& options) {
  return artifacts::preference_stem(prepare::dataset_name(data_of(options)), options.source,
                                    options.dataset_split);
}

void check_source(const Stage2PrepareOptions& options, const data::Recipe& recipe) {
  if (recipe.is_mixture && !options.source.empty())
    fail_usage(
        "--source: is not read with several sets; name the rows that a set gives as `where` of a recipe");
}

// Empty with --source, which leaves one.
prepare::RowSources sources_of(const Stage2PrepareOptions& options, const data::Mixture& mixture,
                               const PairShard& shard) {
  if (mixture.is_mixture()) return prepare::sets_of(mixture, shard.row_ids);
  if (!options.source.empty()) return {};
  return prepare::column_sources(mixture, shard.row_ids);
}

}  // namespace

std::filesystem::path run_stage2_prepare(const Stage2PrepareOptions& given,
                                         const options::StageEnvironment& environment) {
  Stage2PrepareOptions options = given;
  if (options.extraction.status) {
    status::print_status(options.extraction, {"stage2-prepare", stem_of(options), true});
    return {};
  }
  const prepare::DatasetPlan plan = prepare::plan_dataset(data_of(options), data::RowKind::pairs);
  check_source(options, plan.recipe);
  prepare::ModelInputs model = prepare::open_model_inputs(options.extraction, environment.stop_requested);
  const PairEncoder encoder(model.encoder, gating_pattern_of(options.model_family, model));
  const prepare::DatasetInputs dataset = prepare::open_pairs(plan, environment.stop_requested);
  const data::Mixture& mixture = dataset.rows;
  prepare::report_forms(dataset);
  std::string stem = stem_of(options);
  if (options.extraction.n_shards > 1)
    stem = artifacts::shard_stem(stem, options.extraction.shard_idx, options.extraction.n_shards);
  const std::filesystem::path target =
      artifacts::embeddings_folder(options.extraction.data_root, model.name) / (stem + ".safetensors");

  prepare::ShardJob job =
      prepare::begin_job("stage2-prepare", target, model, environment, options.extraction);
  data::RowSelection selection = prepare::select_rows(mixture, options.extraction);
  const prepare::ShardRows rows = choose_rows(options, dataset, std::exchange(selection.rows, {}));
  prepare::BadRows bad_rows(options.extraction, static_cast<std::int64_t>(rows.row_ids.size()), target,
                            environment.files, prepare::row_names(mixture));
  PairShard shard = gather_pairs(options, encoder, mixture, rows, bad_rows);
  if (shard.pairs.empty())
    fail_data(
        "{}: shard {} of {} holds no pairs to embed; check --seq_len, --source and --n_shards; {} rows have "
        "{}{}{}",
        dataset.description, options.extraction.shard_idx, options.extraction.n_shards, shard.too_long.size(),
        kTooLong, labels_summary(shard), bad_rows.summary());
  report_counts(shard, options.extraction.allow_special_in_content);

  job.provenance = describe(options, model, encoder, dataset, selection, shard);
  std::vector<std::int64_t> subset_ids = number_subsets(shard, job.provenance.subset_names);
  if (job.provenance.subset_names == std::vector<std::string>{""}) {  // a set without subsets
    job.provenance.subset_names.clear();
    subset_ids.clear();
  }
  const prepare::RowSources sources = sources_of(options, mixture, shard);
  job.provenance.sources = sources.names;
  job.tensors = describe_tensors(shard, mixture, subset_ids, sources.ids, model.config.hidden_size);
  job.row_ids = shard.row_ids;
  job.data_digest = [&] { return prepare::data_digest(mixture); };
  job.requests = make_requests(shard);
  prepare::report_model_limit(options.seq_len, model.config, job.requests);
  job.requests_per_row = 2;
  job.store = [&shard](std::size_t request, MatrixView<const float> values, resume::DurableRows& out) {
    store_pair(shard, request, values, out);
  };
  return prepare::finish_job(job,
                             {options::describe(options), options.extraction, model, bad_rows, environment},
                             [&](prepare::DryRunPlan& shown) {
                               prepare::describe_sets(mixture, selection, shown);
                               add_samples(encoder, mixture, shard, shown);
                             });
}

}  // namespace armorm::stages
