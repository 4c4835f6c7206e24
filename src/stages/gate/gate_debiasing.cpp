#include "stages/gate/gate_debiasing.h"

#include "core/error.h"

namespace armorm::stages::gate {
namespace {

// The Python scripts initialise the penalty with it and warn of nothing.
constexpr double kUnmetInScripts = 1.0;

gating::DebiasOptions debias_options(const Stage2TrainOptions& options) {
  gating::DebiasOptions debias;
  debias.verbosity_dim = options.verbosity_dim.value();
  debias.corr_threshold = options.corr_threshold;
  if (!options.penalty_grid.empty()) debias.penalty_grid = options.penalty_grid;
  debias.on_unmet = options.on_unmet;
  if (options.compat == Compat::upstream && options.on_unmet == OnUnmet::error)
    debias.unmet_penalty = kUnmetInScripts;
  debias.target = options.verbosity_target;
  debias.search = options.penalty_search;
  debias.threads = static_cast<int>(options.threads);
  return debias;
}

gating::DebiasResult debias_on(const PairRewards& reference, const Stage2TrainOptions& options,
                               const GateInputs& inputs, std::pmr::memory_resource* memory) {
  gating::DebiasOptions debias = debias_options(options);
  debias.memory = memory;
  if (options.scratch == ScratchFiles::on) debias.search_bytes = 0;
  if (debias.target == VerbosityTarget::length && reference.lengths().empty())
    fail_data(
        "--verbosity_target length: the embeddings of {} carry no lengths; run stage2-prepare again to "
        "record them",
        options.reference_dataset.empty() ? options.preference_dataset : options.reference_dataset);
  return gating::find_debiasing_transform(reference.both_sides(), inputs.attributes, debias,
                                          reference.lengths());
}

std::vector<float> identity(std::size_t k) {
  std::vector<float> matrix(k * k);
  for (std::size_t i = 0; i < k; ++i) matrix[i * k + i] = 1.0F;
  return matrix;
}

}  // namespace

void Debiased::apply_to(PairRewards& pairs) const {
  if (applied) pairs.transform(result.transform);
}

Debiased debias_rewards(const Stage2TrainOptions& options, GateInputs& inputs, const PairRewards& preference,
                        std::pmr::memory_resource* memory) {
  if (options.verbosity_dim == -1) return {{{}, identity(inputs.attributes.size())}, false};
  const std::optional<PairRewards> reference = load_reference(options, inputs, memory);
  return {debias_on(reference ? *reference : preference, options, inputs, memory),
          options.compat != Compat::upstream};
}

std::optional<report::Debiasing> debiasing_figures(const Debiased& debiased,
                                                   const Stage2TrainOptions& options,
                                                   const std::vector<std::string>& attributes) {
  if (debiased.result.attributes.empty()) return std::nullopt;
  report::Debiasing figures;
  figures.length_target = options.verbosity_target == VerbosityTarget::length;
  figures.threshold = options.corr_threshold;
  figures.transform = debiased.result.transform;
  figures.transform_applied = debiased.applied;
  for (std::size_t k = 0; k < attributes.size(); ++k) {
    const gating::AttributePenalty& a = debiased.result.attributes[k];
    figures.attributes.push_back(
        {attributes[k], a.penalty, a.correlation_before, a.correlation_after, a.met});
  }
  return figures;
}

}  // namespace armorm::stages::gate
