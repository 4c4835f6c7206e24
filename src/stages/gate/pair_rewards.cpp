#include "stages/gate/pair_rewards.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/phase.h"
#include "core/stop_point.h"
#include "gating/attribute_rewards.h"
#include "stages/artifacts/prompt_ids.h"

namespace armorm::stages::gate {
namespace {

constexpr std::int64_t kBlockRows = 2048;
constexpr std::int64_t kTransformRows = 1 << 16;  // at once

// Appends the non-negative counts or ids [rows, ...width] of all shards; none if no shard has the tensor.
template <class Integers>
void read_optional(const artifacts::EmbeddingSet& set, const std::string& name,
                   const std::vector<std::int64_t>& width, Integers& all) {
  std::size_t files = 0;
  for (const io::SafetensorsFile& file : set.files()) {
    if (!file.contains(name)) continue;
    ++files;
    std::vector<std::int64_t> shape{file.at("embeddings").shape[0]};
    shape.insert(shape.end(), width.begin(), width.end());
    if (files == 1) all.reserve(static_cast<std::size_t>(set.rows() * (width.empty() ? 1 : width.front())));
    for (const std::int64_t value : file.at(name, DType::i64, shape).as<std::int64_t>()) {
      if (value < 0)
        fail_data("{}: {} holds {}, expected 0 or more; make the file again", file.path().string(), name,
                  value);
      all.push_back(value);
    }
  }
  if (files != 0 && files != set.files().size())
    fail_data("{}: only {} of {} shards have {}; make them again with one version of stage2-prepare",
              set.description(), files, set.files().size(), name);
}

}  // namespace

PairRewards::PairRewards(std::shared_ptr<const artifacts::EmbeddingSet> set,
                         const artifacts::RegressionWeights& weights, const std::string& weights_origin,
                         SplitBy split_by, std::pmr::memory_resource* memory)
    : pairs_(set->rows()),
      k_(weights.n_attributes()),
      d_(set->hidden_size()),
      rewards_(memory),
      untransformed_(memory),
      set_(std::move(set)),
      chosen_prompt_(memory),
      rejected_prompt_(memory),
      lengths_(memory),
      row_ids_(memory) {
  if (d_ != weights.hidden_size)
    fail_data(
        "{}: embeddings have width {}, but the weights in {} are for width {}; both must come from one model",
        set_->description(), d_, weights_origin, weights.hidden_size);
  rewards_.reserve(static_cast<std::size_t>(2 * pairs_ * k_));
  chosen_prompt_.reserve(static_cast<std::size_t>(pairs_));
  rejected_prompt_.reserve(static_cast<std::size_t>(pairs_));
  for (const io::SafetensorsFile& file : set_->files()) {
    read_rewards(file, weights);
    read_prompts(file, static_cast<std::int64_t>(rewards_.size()) / (2 * k_) -
                           static_cast<std::int64_t>(chosen_prompt_.size()));
  }
  read_optional(*set_, "row_ids", {}, row_ids_);
  if (split_by == SplitBy::prompt) prompt_ids_ = artifacts::prompt_ids(*set_, split_by);
  read_lengths(*set_);
  read_candidates(*set_);
  read_subsets(*set_);
  sources_ = read_sources(*set_);
  check_unchanged();
}

void PairRewards::read_rewards(const io::SafetensorsFile& file, const artifacts::RegressionWeights& weights) {
  const auto embeddings = artifacts::matrix_of<BFloat16>(file, "embeddings", {-1, 2, d_});
  const std::int64_t sides = 2 * embeddings.rows;
  Phase phase(file.path().string() + ": rewards", sides);
  for (std::int64_t first = 0; first < sides; first += kBlockRows) {
    phase.advance_to(first);
    const std::vector<float> values =
        gating::attribute_rewards({embeddings.data + first * d_, std::min(kBlockRows, sides - first), d_},
                                  weights.weight, weights.bias);
    for (std::int64_t i = 0; i < std::ssize(values); ++i)
      if (!std::isfinite(values[static_cast<std::size_t>(i)]))
        fail_data("{}: the embedding of row {} ({}) is not finite; prepare the set again",
                  file.path().string(), (first + i / k_) / 2,
                  (first + i / k_) % 2 == 0 ? "chosen" : "rejected");
    rewards_.insert(rewards_.end(), values.begin(), values.end());
  }
}

void PairRewards::read_prompts(const io::SafetensorsFile& file, std::int64_t pairs) {
  const auto prompts = artifacts::matrix_of<BFloat16>(file, "prompt_embeddings", {pairs, 2, d_});
  const std::int64_t first = prompts_.rows();
  prompts_.add({prompts.data, 2 * pairs, d_});
  for (std::int64_t i = 0; i < pairs; ++i) {
    stop_point();
    const std::int64_t chosen = first + 2 * i;
    chosen_prompt_.push_back(chosen);
    rejected_prompt_.push_back(
        std::ranges::equal(prompts_.row(chosen), prompts_.row(chosen + 1)) ? chosen : chosen + 1);
  }
}

void PairRewards::read_lengths(const artifacts::EmbeddingSet& set) {
  read_optional(set, "lengths", {2}, lengths_);
}

void PairRewards::read_candidates(const artifacts::EmbeddingSet& set) {
  read_optional(set, "candidate_ids", {2}, candidate_ids_);
  if (candidate_ids_.empty()) return;
  read_optional(set, "tie_ids", {2}, tie_ids_);
  if (row_ids_.empty() || tie_ids_.empty())
    fail_data("{}: has candidate_ids, but no {}; make the file again", set.description(),
              row_ids_.empty() ? "row_ids" : "tie_ids");
}

void PairRewards::read_subsets(const artifacts::EmbeddingSet& set) {
  for (const io::SafetensorsFile& file : set.files()) {
    if (!file.contains("subset_ids")) continue;
    const artifacts::Provenance p =
        artifacts::Provenance::from_metadata(file.metadata(), file.path().string());
    for (const std::int64_t id : file.at("subset_ids", DType::i64, {-1}).as<std::int64_t>()) {
      if (id < 0 || id >= static_cast<std::int64_t>(p.subset_names.size()))
        fail_data("{}: subset_ids holds {}, but {} subsets are named; make the file again",
                  file.path().string(), id, p.subset_names.size());
      add_subset(p.subset_names[static_cast<std::size_t>(id)]);
    }
  }
  if (!subset_of_.empty() && static_cast<std::int64_t>(subset_of_.size()) != pairs_)
    fail_data("{}: only {} of {} rows have a subset; make the files again", set.description(),
              subset_of_.size(), pairs_);
}

void PairRewards::add_subset(const std::string& name) {
  const auto found = std::find(subset_names_.begin(), subset_names_.end(), name);
  subset_of_.push_back(found - subset_names_.begin());
  if (found == subset_names_.end()) subset_names_.push_back(name);
}

void PairRewards::take_subsets(const std::vector<std::string>& subset_of_row, const std::string& origin) {
  const std::int64_t rows = std::ssize(subset_of_row);
  if (row_ids_.empty() && rows != pairs_)
    fail_data(
        "{}: holds {} rows, but the embeddings {} pairs without row ids; the subset of a pair is not known: "
        "prepare the set again with stage2-prepare",
        origin, rows, pairs_);
  for (std::int64_t pair = 0; pair < pairs_; ++pair) {
    const std::int64_t row = row_ids_.empty() ? pair : row_ids_[static_cast<std::size_t>(pair)];
    if (row >= rows)
      fail_data("{}: holds {} rows, but the embeddings row {}; name the data set that they were made of",
                origin, rows, row);
    add_subset(subset_of_row[static_cast<std::size_t>(row)]);
  }
}

MatrixView<const float> PairRewards::both_sides() const { return {rewards_.data(), 2 * pairs_, k_}; }

// The same blocks wherever the arrays lie, and so the same bits.
void PairRewards::transform(const std::vector<float>& t) {
  untransformed_.reserve(rewards_.size());
  untransformed_.insert(untransformed_.end(), rewards_.begin(), rewards_.end());
  for (std::int64_t first = 0; first < 2 * pairs_; first += kTransformRows) {
    stop_point();
    gating::transform_rewards(
        {rewards_.data() + first * k_, std::min(kTransformRows, 2 * pairs_ - first), k_}, t);
  }
}

gating::PairData PairRewards::data_of(const std::pmr::vector<float>& rewards) const {
  return {{rewards.data(), pairs_, k_, 2 * k_},
          {rewards.data() + k_, pairs_, k_, 2 * k_},
          prompts_,
          chosen_prompt_,
          rejected_prompt_,
          rewards.get_allocator().resource() != std::pmr::get_default_resource()};
}

std::int64_t PairRewards::prompts_differ() const {
  std::int64_t n = 0;
  for (std::size_t i = 0; i < chosen_prompt_.size(); ++i)
    n += chosen_prompt_[i] != rejected_prompt_[i] ? 1 : 0;
  return n;
}

}  // namespace armorm::stages::gate
