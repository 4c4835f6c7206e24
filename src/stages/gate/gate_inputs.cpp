#include "stages/gate/gate_inputs.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/log.h"
#include "core/words.h"
#include "data/attributes.h"
#include "data/dataset.h"
#include "data/recipe.h"
#include "hub/cache.h"
#include "stages/artifacts/artifact_paths.h"
#include "stages/gate/gate_sources.h"
#include "stages/gate/reward_bench_2_report.h"

namespace armorm::stages::gate {
namespace {

// Roles of the sets that the gate is made from; others only measure it.
constexpr const char* kPreference = "preference";
constexpr const char* kReference = "reference";
constexpr std::int64_t kNoAttribute = -1;  // of --verbosity_dim

// A set as the options name it, and its role.
struct NamedSet {
  std::string role;
  std::string dataset;
  std::string source;
  std::string split;
};

NamedSet preference_set(const Stage2TrainOptions& o) {
  return {kPreference, o.preference_dataset, o.preference_source, o.preference_split};
}
NamedSet reference_set(const Stage2TrainOptions& o) {
  return {kReference, o.reference_dataset, o.reference_source, o.reference_split};
}
NamedSet reward_bench_set(const Stage2TrainOptions& o) {
  return {"RewardBench", o.reward_bench_dataset, "", o.reward_bench_split};
}
NamedSet reward_bench_2_set(const Stage2TrainOptions& o) {
  return {"RewardBench 2", o.reward_bench_2_dataset, "", o.reward_bench_2_split};
}

// The colon between data set and split: "set:train[:10%]+test".
std::size_t split_colon(const std::string& name) {
  return name.rfind(':', name.find('[', name.rfind('/') + 1));
}

NamedSet evaluation_set(const std::string& name) {
  const std::size_t colon = split_colon(name);
  return {"evaluation", name.substr(0, colon), "",
          colon == std::string::npos ? "train" : name.substr(colon + 1)};
}

std::vector<NamedSet> named_sets(const Stage2TrainOptions& options) {
  std::vector<NamedSet> sets{preference_set(options)};
  if (!options.reference_dataset.empty() && options.verbosity_dim != kNoAttribute)
    sets.push_back(reference_set(options));
  if (options.eval_reward_bench) sets.push_back(reward_bench_set(options));
  if (options.eval_reward_bench_2) sets.push_back(reward_bench_2_set(options));
  for (const std::string& name : options.eval) sets.push_back(evaluation_set(name));
  return sets;
}

artifacts::EmbeddingSet open_pairs(const Stage2TrainOptions& options, const GateInputs& inputs,
                                   const NamedSet& named) {
  const std::string stem =
      artifacts::preference_stem(data::dataset_name(named.dataset), named.source, named.split);
  artifacts::EmbeddingSet set =
      artifacts::EmbeddingSet::open(artifacts::embeddings_folder(options.data_root, inputs.model), stem,
                                    "preference", "stage2-prepare", options.verify);
  set.check_made_for(inputs.model, stem);
  return set;
}

void check_made_for(const GateInputs& inputs, const std::string& dataset) {
  const artifacts::RegressionWeights& weights = inputs.weights;
  if (weights.model.empty() || (weights.model == inputs.model && weights.dataset == dataset)) return;
  fail_data(
      "{}: holds the weights of model '{}' and data set '{}', not of '{}' and '{}'; it was renamed or copied "
      "over another, run stage1-train again",
      weights.file.string(), weights.model, weights.dataset, inputs.model, dataset);
}

// Opens a set that the report records as a source.
PairRewards load_pairs(const Stage2TrainOptions& options, GateInputs& inputs, const NamedSet& named,
                       std::pmr::memory_resource* memory) {
  const auto set = std::make_shared<const artifacts::EmbeddingSet>(open_pairs(options, inputs, named));
  inputs.sources.push_back(embedding_source(named.role, *set));
  if (named.role == kPreference || named.role == kReference)
    artifacts::add_inputs(named.role + " set", set->inputs(), inputs.origin);
  const SplitBy split_by = named.role == kPreference ? options.split_by : SplitBy::row;
  return set->while_verified(
      [&] { return PairRewards(set, inputs.weights, inputs.weights_stem.string(), split_by, memory); });
}

void read_subsets(const std::string& dataset, const std::string& split, const StopRequested& stop,
                  PairRewards& pairs) {
  log::info("RewardBench: the embeddings of {} have no subsets; they are read from the data set", dataset);
  try {
    const data::Dataset source = data::Dataset::open(
        {.path = hub::resolve_dataset(dataset, stop), .split = split, .config = "", .columns = {}});
    pairs.take_subsets(source.read_strings("subset"), fmt::format("{}, split {}", dataset, split));
  } catch (const Error& error) {
    throw Error(
        error.kind(),
        fmt::format("RewardBench: the embeddings of {} have no subsets, and the data set gives none: {}",
                    dataset, error.what()));
  }
}

// Fails as the evaluation after the training would.
void check_best_of_n(const PairRewards& pairs, const std::string& dataset) {
  const std::vector<float> none(static_cast<std::size_t>(pairs.size()));
  gather_prompts({none, none}, pairs, dataset);
}

constexpr const char* kNoName = "none";      // of --verbosity_attribute
constexpr std::int64_t kPublishedIndex = 4;  // helpsteer-verbosity

std::int64_t index_of_name(const std::string& name, const GateInputs& inputs) {
  if (name == kNoName) return kNoAttribute;
  const auto found = std::find(inputs.attributes.begin(), inputs.attributes.end(), name);
  if (found == inputs.attributes.end())
    fail_usage("--verbosity_attribute: '{}' is not an attribute of {}; use none or one of {}", name,
               inputs.weights_stem.string(), fmt::join(inputs.attributes, ", "));
  return found - inputs.attributes.begin();
}

std::int64_t verbosity_index(const Stage2TrainOptions& options, const GateInputs& inputs) {
  const std::int64_t k = inputs.weights.n_attributes();
  const std::optional<std::int64_t>& dim = options.verbosity_dim;
  if (dim && *dim >= k)
    fail_usage("--verbosity_dim: {} is not the index of an attribute; {} holds attributes 0 to {}", *dim,
               inputs.weights_stem.string(), k - 1);
  if (options.verbosity_attribute.empty()) {
    if (dim) return *dim;
    if (inputs.attributes == default_attributes()) return kPublishedIndex;
    fail_usage(
        "--verbosity_attribute: is not given, and the attributes of {} are not the published ones; name the "
        "one of {} that measures verbosity, or none",
        inputs.weights_stem.string(), fmt::join(inputs.attributes, ", "));
  }
  const std::int64_t index = index_of_name(options.verbosity_attribute, inputs);
  if (dim && *dim != index)
    fail_usage("--verbosity_attribute: '{}' has index {}, but --verbosity_dim is {}; leave one of them out",
               options.verbosity_attribute, index, *dim);
  return index;
}

std::vector<EvalSet> load_eval_sets(const Stage2TrainOptions& options, GateInputs& inputs,
                                    std::pmr::memory_resource* memory) {
  std::vector<EvalSet> sets;
  for (const std::string& name : options.eval)
    sets.push_back({name, load_pairs(options, inputs, evaluation_set(name), memory)});
  return sets;
}

// Differences of sets from the weights, or from sets before them.
struct Differences {
  std::vector<std::string> refused;
  std::vector<std::string> refused_facts;
  std::vector<std::string> accepted;
  std::vector<std::string> recorded;  // the accepted ones, without paths
};

void compare(const artifacts::EmbeddingSet& set, const NamedSet& named, const Stage2TrainOptions& options,
             GateInputs& inputs, Differences& out) {
  if (!set.provenance()) return;
  const artifacts::MakingFacts facts = artifacts::making_facts(*set.provenance());
  for (const artifacts::MakingDifference& d : artifacts::differences_of(facts, inputs.making)) {
    const std::string fact(name_of(d.fact));
    const std::string text = fmt::format("{}: {} is {}, but {} or a set before it has {}", set.description(),
                                         fact, d.found, inputs.weights.file.string(), d.expected);
    if (std::ranges::find(options.accept_differences, d.fact) != options.accept_differences.end()) {
      out.accepted.push_back(text);
      out.recorded.push_back(fmt::format("{} set: {} is {}, not {}", named.role, fact, d.found, d.expected));
      continue;
    }
    out.refused.push_back(text);
    if (std::ranges::find(out.refused_facts, fact) == out.refused_facts.end())
      out.refused_facts.push_back(fact);
  }
  inputs.making.insert(facts.begin(), facts.end());
}

}  // namespace

GateInputs open_inputs(const Stage2TrainOptions& options) {
  GateInputs inputs;
  inputs.model = hub::artifact_name(options.model_path);
  inputs.weights_stem = artifacts::regression_weights_folder(options.data_root) /
                        (inputs.model + "_" + data::dataset_name(options.multi_objective_dataset));
  inputs.weights = artifacts::RegressionWeights::load(inputs.weights_stem);
  check_made_for(inputs, data::dataset_name(options.multi_objective_dataset));
  inputs.making = artifacts::making_facts(inputs.weights);
  inputs.sources.push_back(weights_source(inputs.weights));
  artifacts::add_inputs("weights", inputs.weights.inputs, inputs.origin);
  inputs.origin["weights: values"] = inputs.weights.digest();
  inputs.origin["reference set"] = options.reference_dataset.empty()
                                       ? "the preference set"
                                       : data::dataset_name(options.reference_dataset);
  inputs.attributes =
      data::attribute_names_or_default(inputs.weights.attributes, inputs.weights.n_attributes());
  return inputs;
}

Stage2TrainOptions with_verbosity(const Stage2TrainOptions& options, const GateInputs& inputs) {
  const std::int64_t index = verbosity_index(options, inputs);
  const bool none = index == kNoAttribute;
  if (none && options.verbosity_target == VerbosityTarget::length)
    fail_usage(
        "--verbosity_target: length is measured, but the reward of a verbosity attribute is what debiasing "
        "subtracts; name one with --verbosity_attribute");
  if (none && !options.reference_dataset.empty())
    log::warn("--reference_dataset {} is not read: there is no verbosity attribute",
              options.reference_dataset);
  Stage2TrainOptions resolved = options;
  resolved.verbosity_dim = index;
  resolved.verbosity_attribute = none ? kNoName : inputs.attributes[static_cast<std::size_t>(index)];
  return resolved;
}

void check_made_alike(const Stage2TrainOptions& options, GateInputs& inputs) {
  Differences differences;
  for (const NamedSet& named : named_sets(options)) {
    const artifacts::EmbeddingSet set = open_pairs(options, inputs, named);
    inputs.sizes.push_back({named.role, set.rows()});
    compare(set, named, options, inputs, differences);
  }
  if (!differences.refused.empty())
    fail_data(
        "{}; they cannot be used together, make one of them again with the model and options of the other, "
        "or "
        "accept it with --accept_differences {}",
        fmt::join(differences.refused, "; "), fmt::join(differences.refused_facts, ","));
  for (const std::string& accepted : differences.accepted) log::warn("{}; it is accepted", accepted);
  if (!differences.recorded.empty())
    inputs.origin["accepted differences"] = fmt::format("{}", fmt::join(differences.recorded, "; "));
}

artifacts::EmbeddingSet open_preference_set(const Stage2TrainOptions& options, const GateInputs& inputs) {
  return open_pairs(options, inputs, preference_set(options));
}

GateSets load_sets(const Stage2TrainOptions& options, GateInputs& inputs, const StopRequested& stop,
                   std::pmr::memory_resource* memory) {
  GateSets sets{load_pairs(options, inputs, preference_set(options), memory), {}, {}, {}};
  if (options.eval_reward_bench)
    sets.reward_bench = load_pairs(options, inputs, reward_bench_set(options), memory);
  if (sets.reward_bench && sets.reward_bench->subset_of().empty())
    read_subsets(options.reward_bench_dataset, options.reward_bench_split, stop, *sets.reward_bench);
  if (options.eval_reward_bench_2)
    sets.reward_bench_2 = load_pairs(options, inputs, reward_bench_2_set(options), memory);
  if (sets.reward_bench_2) check_best_of_n(*sets.reward_bench_2, options.reward_bench_2_dataset);
  sets.eval = load_eval_sets(options, inputs, memory);
  if (const std::int64_t n = sets.preference.prompts_differ(); n > 0)
    log::info("{} pairs have sides with different prompts; each side has its own gate there", n);
  return sets;
}

void check_unchanged(const GateSets& sets) {
  sets.preference.check_unchanged();
  if (sets.reward_bench) sets.reward_bench->check_unchanged();
  if (sets.reward_bench_2) sets.reward_bench_2->check_unchanged();
  for (const EvalSet& set : sets.eval) set.pairs.check_unchanged();
}

std::optional<PairRewards> load_reference(const Stage2TrainOptions& options, GateInputs& inputs,
                                          std::pmr::memory_resource* memory) {
  if (options.reference_dataset.empty()) {
    log::info("--reference_dataset is not given: verbosity is measured on the preference set, {}",
              options.preference_dataset);
    return std::nullopt;
  }
  return load_pairs(options, inputs, reference_set(options), memory);
}

}  // namespace armorm::stages::gate
