#include "stages/gate/gate_inputs.h"

#include "core/error.h"
#include "core/log.h"
#include "data/attributes.h"
#include "hub/cache.h"
#include "stages/artifacts/artifact_paths.h"
#include "stages/gate/gate_sources.h"

namespace armorm::stages::gate {
namespace {

artifacts::EmbeddingSet open_pairs(const Stage2TrainOptions& options, const GateInputs& inputs,
                                   const std::string& dataset, const std::string& source,
                                   const std::string& split) {
  artifacts::EmbeddingSet set = artifacts::EmbeddingSet::open(
      artifacts::embeddings_folder(options.data_root, inputs.model),
      artifacts::preference_stem(hub::artifact_name(dataset), source, split), "preference", "stage2-prepare");
  if (set.provenance() && set.provenance()->model != inputs.model)
    fail_data("{}: was made with model '{}', not '{}'; prepare the set again", set.description(),
              set.provenance()->model, inputs.model);
  return set;
}

// Opens a set that the report records as a source, with the given role.
PairRewards load_pairs(const Stage2TrainOptions& options, GateInputs& inputs, const std::string& role,
                       const std::string& dataset, const std::string& source, const std::string& split) {
  const artifacts::EmbeddingSet set = open_pairs(options, inputs, dataset, source, split);
  if (set.provenance()) {
    artifacts::check_same_model(set.provenance()->facts, set.description(), inputs.facts,
                                inputs.weights.file.string() + " or a set before it");
    inputs.facts.complete_from(set.provenance()->facts);
  }
  inputs.sources.push_back(embedding_source(role, set));
  return PairRewards(set, inputs.weights, inputs.weights_stem.string());
}

std::vector<EvalSet> load_eval_sets(const Stage2TrainOptions& options, GateInputs& inputs) {
  std::vector<EvalSet> sets;
  for (const std::string& name : options.eval) {
    const std::size_t colon = name.rfind(':');
    const std::string split = colon == std::string::npos ? "train" : name.substr(colon + 1);
    sets.push_back({name, load_pairs(options, inputs, "evaluation", name.substr(0, colon), "", split)});
  }
  return sets;
}

}  // namespace

GateInputs open_inputs(const Stage2TrainOptions& options) {
  GateInputs inputs;
  inputs.model = hub::artifact_name(options.model_path);
  inputs.weights_stem = artifacts::regression_weights_folder(options.data_root) /
                        (inputs.model + "_" + hub::artifact_name(options.multi_objective_dataset));
  inputs.weights = artifacts::RegressionWeights::load(inputs.weights_stem);
  inputs.facts = inputs.weights.facts;
  inputs.sources.push_back(weights_source(inputs.weights));
  const std::int64_t k = inputs.weights.n_attributes();
  inputs.attributes = data::attribute_names_or_default(inputs.weights.attributes, k);
  if (options.verbosity_dim >= k)
    fail_usage("--verbosity_dim: {} is no attribute; {} holds attributes 0 to {}", options.verbosity_dim,
               inputs.weights_stem.string(), k - 1);
  return inputs;
}

artifacts::EmbeddingSet open_preference_set(const Stage2TrainOptions& options, const GateInputs& inputs) {
  return open_pairs(options, inputs, options.preference_dataset, options.preference_source,
                    options.preference_split);
}

GateSets load_sets(const Stage2TrainOptions& options, GateInputs& inputs) {
  GateSets sets{load_pairs(options, inputs, "preference", options.preference_dataset,
                           options.preference_source, options.preference_split),
                {},
                {},
                {}};
  if (options.eval_reward_bench)
    sets.reward_bench = load_pairs(options, inputs, "RewardBench", options.reward_bench_dataset, "",
                                   options.reward_bench_split);
  if (options.eval_reward_bench_2)
    sets.reward_bench_2 = load_pairs(options, inputs, "RewardBench 2", options.reward_bench_2_dataset, "",
                                     options.reward_bench_2_split);
  sets.eval = load_eval_sets(options, inputs);
  if (const std::int64_t n = sets.preference.prompts_differ(); n > 0)
    log::info("{} pairs have sides with different prompts; each side has its own gate there", n);
  return sets;
}

std::optional<PairRewards> load_reference(const Stage2TrainOptions& options, GateInputs& inputs) {
  if (options.reference_dataset.empty()) {
    log::info("--reference_dataset is not given: verbosity is measured on the preference set, {}",
              options.preference_dataset);
    return std::nullopt;
  }
  return load_pairs(options, inputs, "reference", options.reference_dataset, options.reference_source,
                    options.reference_split);
}

}  // namespace armorm::stages::gate
