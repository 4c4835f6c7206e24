#include "gating/verbosity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/phase.h"
#include "core/stop_point.h"
#include "stats/rank_correlation.h"

namespace armorm::gating {
namespace {

using Floats = std::pmr::vector<float>;

Floats column(MatrixView<const float> m, std::int64_t c, std::pmr::memory_resource* memory) {
  Floats out(static_cast<std::size_t>(m.rows), memory);
  for (std::int64_t r = 0; r < m.rows; ++r) out[static_cast<std::size_t>(r)] = m.at(r, c);
  return out;
}

constexpr std::size_t kSearchBytes =
    20;  // of a row in one thread: its reward and an item of both sort buffers

// Threads, and the memory of their buffers.
struct SearchPlan {
  int threads = 1;
  std::pmr::memory_resource* buffers = nullptr;
};

SearchPlan plan_search(std::int64_t rows, const DebiasOptions& options) {
  const std::size_t fit =
      options.search_bytes / (kSearchBytes * static_cast<std::size_t>(std::max<std::int64_t>(rows, 1)));
  const auto threads = static_cast<std::size_t>(thread_count(options.threads));
  return {static_cast<int>(std::clamp<std::size_t>(fit, 1, threads)),
          fit > 0 ? std::pmr::get_default_resource() : options.memory};
}

const char* described(VerbosityTarget target) {
  return target == VerbosityTarget::length ? "response length" : "verbosity";
}

// One attribute's correlation with the target as a function of the penalty.
class PenalisedAttribute {
 public:
  PenalisedAttribute(Floats rewards, const Floats& verbosity, const stats::RankCorrelation& target)
      : rewards_(std::move(rewards)),
        verbosity_(verbosity),
        target_(target),
        workspace_(rewards_.get_allocator().resource()) {}

  // The rewards and their difference are float32, as in the Python scripts, so that the same values tie.
  double correlation(double penalty) {
    stop_point();
    return target_.with_penalised(rewards_, static_cast<float>(penalty), verbosity_, workspace_);
  }

 private:
  Floats rewards_;
  const Floats& verbosity_;
  const stats::RankCorrelation& target_;
  stats::RankCorrelation::Workspace workspace_;
};

// Searches between `unmet`, which does not meet the threshold, and result.penalty, which does.
void bisect(PenalisedAttribute& attribute, double unmet, double threshold, AttributePenalty& result) {
  while (result.penalty - unmet > kPenaltyTolerance) {
    const double middle = 0.5 * (unmet + result.penalty);
    const double correlation = attribute.correlation(middle);
    if (correlation <= threshold) {
      result.penalty = middle;
      result.correlation_after = correlation;
    } else {
      unmet = middle;
    }
  }
}

AttributePenalty search_penalty(PenalisedAttribute& attribute, const DebiasOptions& options) {
  AttributePenalty result;
  result.correlation_before = result.correlation_after = attribute.correlation(0.0);
  if (std::isnan(result.correlation_before) && !options.unmet_penalty) return result;  // constant rewards
  const bool bisecting = options.search == PenaltySearch::bisection;
  if (bisecting && result.correlation_before <= options.corr_threshold)
    return result;  // even if the grid does not contain 0
  double below = 0.0;
  for (const double penalty : options.penalty_grid) {
    result.penalty = penalty;
    result.correlation_after = penalty == 0.0 ? result.correlation_before : attribute.correlation(penalty);
    if (result.correlation_after <= options.corr_threshold) {
      if (bisecting) bisect(attribute, below, options.corr_threshold, result);
      return result;
    }
    below = penalty;
  }
  result.met = false;
  if (options.unmet_penalty) {
    result.penalty = *options.unmet_penalty;
    result.correlation_after = attribute.correlation(result.penalty);
  } else if (options.on_unmet == OnUnmet::keep) {
    result.penalty = 0.0;
    result.correlation_after = result.correlation_before;
  }
  return result;
}

stats::RankCorrelation rank_target(const Floats& verbosity, std::span<const std::int64_t> lengths,
                                   const std::vector<std::string>& attributes, const DebiasOptions& options,
                                   std::pmr::memory_resource* buffers) {
  const std::string& name = attributes[static_cast<std::size_t>(options.verbosity_dim)];
  stats::RankCorrelation verbosity_ranks(verbosity, options.memory, buffers);
  if (verbosity_ranks.is_constant() && !options.unmet_penalty)
    fail_data(
        "verbosity debiasing: the reward of '{}' is the same for all {} reference rows; check "
        "`verbosity_dim` and its labels",
        name, verbosity.size());
  if (options.target == VerbosityTarget::attribute) return verbosity_ranks;
  if (lengths.size() != verbosity.size())
    fail_internal("verbosity debiasing: {} lengths for {} rewards", lengths.size(), verbosity.size());
  stats::RankCorrelation length_ranks(lengths, options.memory, buffers);
  if (length_ranks.is_constant())
    fail_data(
        "verbosity debiasing: all {} reference responses have {} tokens; use `verbosity_target` attribute, "
        "or another `reference_dataset`",
        lengths.size(), lengths.front());
  return length_ranks;
}

// Correlation of the verbosity attribute itself; T removes it completely.
AttributePenalty verbosity_itself(const Floats& verbosity, const stats::RankCorrelation& target,
                                  const std::string& name, const DebiasOptions& options,
                                  std::pmr::memory_resource* buffers) {
  stats::RankCorrelation::Workspace workspace(buffers);
  const double before = target.with(verbosity, workspace);
  if (before <= options.corr_threshold)
    log::warn(
        "verbosity debiasing: the reward of '{}' correlates {:.3f} with response length, so taking it away "
        "cannot lower the correlation of others; check that it is the verbosity attribute",
        name, before);
  return {1.0, before, std::numeric_limits<double>::quiet_NaN(), true};
}

void check_grid(const std::vector<double>& grid) {
  if (grid.empty()) fail_usage("`penalty_grid`: is empty; give at least one penalty");
  for (std::size_t i = 0; i < grid.size(); ++i)
    if (!std::isfinite(grid[i]) || grid[i] < 0 || (i > 0 && grid[i] <= grid[i - 1]))
      fail_usage("`penalty_grid`: {} at position {} is out of order; give ascending numbers from 0 on",
                 grid[i], i + 1);
}

// A NaN would make every correlation NaN, which would look like a constant attribute.
void check_finite(MatrixView<const float> rewards, const std::vector<std::string>& attributes) {
  for (std::int64_t row = 0; row < rewards.rows; ++row)
    for (std::int64_t k = 0; k < rewards.cols; ++k)
      if (!std::isfinite(rewards.at(row, k)))
        fail_data(
            "verbosity debiasing: reward '{}' of reference row {} is {}, expected a finite number; check the "
            "embeddings and regression weights",
            attributes[static_cast<std::size_t>(k)], row, rewards.at(row, k));
}

void check_met(const DebiasResult& result, const std::vector<std::string>& attributes,
               const DebiasOptions& options) {
  std::vector<std::string> unmet;
  for (std::size_t k = 0; k < attributes.size(); ++k)
    if (!result.attributes[k].met)
      unmet.push_back(fmt::format("{} ({:.3f})", attributes[k], result.attributes[k].correlation_after));
  if (unmet.empty()) return;
  if (options.unmet_penalty)
    log::warn(
        "verbosity debiasing: no penalty up to {} brings the correlation with {} to {}; penalty {:g} for: {}",
        options.penalty_grid.back(), described(options.target), options.corr_threshold,
        *options.unmet_penalty, fmt::join(unmet, ", "));
  else if (options.on_unmet == OnUnmet::error)
    fail_data(
        "verbosity debiasing: no penalty up to {} brings the correlation with {} to {} for: {}; raise "
        "`corr_threshold`, or choose with `on_unmet` keep|max",
        options.penalty_grid.back(), described(options.target), options.corr_threshold,
        fmt::join(unmet, ", "));
}

// Rewards without a correlation are constant. The verbosity attribute itself is always removed.
void check_some_reward_left(const DebiasResult& result, const std::vector<std::string>& attributes,
                            const DebiasOptions& options) {
  const auto varies = [](const AttributePenalty& a) { return !std::isnan(a.correlation_after); };
  if (options.unmet_penalty || std::any_of(result.attributes.begin(), result.attributes.end(), varies))
    return;
  fail_data(
      "verbosity debiasing: removes the reward of '{}', and no other attribute keeps rewards that vary, so "
      "every score would be the same; choose another `verbosity_attribute`, or none",
      attributes[static_cast<std::size_t>(options.verbosity_dim)]);
}

}  // namespace

const std::vector<double>& published_penalty_grid() {
  static const std::vector<double> grid = [] {
    std::vector<double> values{0.0, 0.01, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15};
    for (int percent = 20; percent <= 95; percent += 5) values.push_back(percent / 100.0);
    return values;
  }();
  return grid;
}

DebiasResult find_debiasing_transform(MatrixView<const float> rewards,
                                      const std::vector<std::string>& attributes,
                                      const DebiasOptions& options, std::span<const std::int64_t> lengths) {
  const std::int64_t k = rewards.cols;
  const std::int64_t v = options.verbosity_dim;
  if (v < 0 || v >= k)
    fail_usage("`verbosity_dim`: {} is not the index of an attribute; use 0 to {}", v, k - 1);
  check_grid(options.penalty_grid);
  check_finite(rewards, attributes);
  const SearchPlan plan = plan_search(rewards.rows, options);
  const Floats verbosity = column(rewards, v, options.memory);
  const stats::RankCorrelation target = rank_target(verbosity, lengths, attributes, options, plan.buffers);
  DebiasResult result;
  result.attributes.resize(static_cast<std::size_t>(k));
  Phase phase("verbosity debiasing", k, "attributes");
  parallel_for(k, plan.threads, [&](std::int64_t a) {
    phase.advance();
    const auto index = static_cast<std::size_t>(a);
    if (a == v) {
      result.attributes[index] =
          verbosity_itself(verbosity, target, attributes[index], options, plan.buffers);
    } else {
      PenalisedAttribute attribute(column(rewards, a, plan.buffers), verbosity, target);
      result.attributes[index] = search_penalty(attribute, options);
    }
  });
  check_met(result, attributes, options);
  check_some_reward_left(result, attributes, options);
  result.transform.assign(static_cast<std::size_t>(k * k), 0.0F);
  for (std::int64_t a = 0; a < k; ++a) {
    result.transform[static_cast<std::size_t>(a * k + a)] += 1.0F;
    result.transform[static_cast<std::size_t>(v * k + a)] -=
        static_cast<float>(result.attributes[static_cast<std::size_t>(a)].penalty);
  }
  return result;
}

}  // namespace armorm::gating
