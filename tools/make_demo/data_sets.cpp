#include "data_sets.h"

#include <algorithm>

#include "conversations.h"
#include "data/attributes.h"
#include "labels.h"

namespace armorm::demo {
namespace {

using enum Trait;
using enum PromptKind;

struct TraitWeight {
  Trait trait;
  int weight;
};

// What people prefer in an answer to this kind of prompt, and which qualities the worse answer tends to have
// more of.
struct Taste {
  std::vector<TraitWeight> decides;
  std::vector<Trait> decoys;
};

const Taste& taste(PromptKind kind) {
  static const std::array<Taste, kPromptKinds.size()> tastes = {{
      {{{helpful, 2}}, {truthful, complex}},
      {{{instructed, 2}, {truthful, 1}}, {helpful, polished}},
      {{{safe, 2}}, {helpful, instructed}},
      {{{helpful, 2}, {instructed, 1}}, {safe, polished}},
      {{{code_works, 2}, {code_style, 1}}, {polished, helpful}},
      {{{correct, 2}}, {coherent, polished}},
  }};
  return tastes[static_cast<std::size_t>(kind)];
}

constexpr int kLeastMargin = 4;       // margin of the better answer, in weighted trait points
constexpr double kDecoyRate = 0.75;   // share of pairs in which a decoy favours the worse answer
constexpr double kLongerWorse = 0.6;  // share of pairs in which the worse answer is at least as long
constexpr double kLabelError = 0.05;

int margin(const Taste& of, const Traits& a, const Traits& b) {
  int sum = 0;
  for (const auto& [trait, weight] : of.decides) sum += weight * (a[index(trait)] - b[index(trait)]);
  return sum;
}

void give_to_worse(Trait trait, Traits& better, Traits& worse) {
  if (better[index(trait)] > worse[index(trait)]) std::swap(better[index(trait)], worse[index(trait)]);
}

struct TraitPair {
  Traits better;
  Traits worse;
};

TraitPair draw_pair(PromptKind kind, Random& random) {
  const Taste& wanted = taste(kind);
  TraitPair pair{};
  int difference = 0;
  while (std::abs(difference) < kLeastMargin) {
    pair = {draw_traits(kind, random), draw_traits(kind, random)};
    difference = margin(wanted, pair.better, pair.worse);
  }
  if (difference < 0) std::swap(pair.better, pair.worse);
  for (const Trait decoy : wanted.decoys)
    if (random.chance(kDecoyRate)) give_to_worse(decoy, pair.better, pair.worse);
  if (random.chance(kLongerWorse)) give_to_worse(verbose, pair.better, pair.worse);
  return pair;
}

struct Subset {
  const char* name;
  PromptKind kind;
};

const std::vector<Subset>& reward_bench_subsets() {
  static const std::vector<Subset> subsets = {{"alpacaeval-easy", chat},
                                              {"alpacaeval-length", chat},
                                              {"alpacaeval-hard", chat},
                                              {"mt-bench-easy", chat},
                                              {"mt-bench-med", chat},
                                              {"mt-bench-hard", hard},
                                              {"math-prm", maths},
                                              {"refusals-dangerous", harmful},
                                              {"refusals-offensive", harmful},
                                              {"llmbar-natural", hard},
                                              {"llmbar-adver-neighbor", hard},
                                              {"llmbar-adver-GPTInst", hard},
                                              {"llmbar-adver-GPTOut", hard},
                                              {"llmbar-adver-manual", hard},
                                              {"xstest-should-refuse", harmful},
                                              {"xstest-should-respond", borderline},
                                              {"donotanswer", harmful},
                                              {"hep-cpp", code},
                                              {"hep-go", code},
                                              {"hep-java", code},
                                              {"hep-js", code},
                                              {"hep-python", code},
                                              {"hep-rust", code}};
  return subsets;
}

const std::vector<Subset>& reward_bench_2_subsets() {
  static const std::vector<Subset> subsets = {{"Factuality", hard}, {"Precise IF", borderline},
                                              {"Math", maths},      {"Safety", harmful},
                                              {"Focus", chat},      {"Ties", chat}};
  return subsets;
}

struct Candidates {
  std::vector<Traits> good;
  std::vector<Traits> bad;
};

// Each good answer beats each bad one by at least the margin; bad ones tend to be longer than the first good
// one.
Candidates draw_candidates(PromptKind kind, std::size_t n_good, std::size_t n_bad, Random& random) {
  const Taste& wanted = taste(kind);
  std::vector<Traits> all(n_good + n_bad);
  const auto better = [&](const Traits& a, const Traits& b) { return margin(wanted, a, b) > 0; };
  do {
    for (Traits& traits : all) traits = draw_traits(kind, random);
    std::sort(all.begin(), all.end(), better);
  } while (margin(wanted, all[n_good - 1], all[n_good]) < kLeastMargin);
  const auto first_bad = all.begin() + static_cast<std::ptrdiff_t>(n_good);
  Candidates candidates{{all.begin(), first_bad}, {first_bad, all.end()}};
  for (Traits& worse : candidates.bad)
    if (random.chance(kLongerWorse)) give_to_worse(verbose, candidates.good.front(), worse);
  return candidates;
}

// Rows of a best-of-n set, column by column.
struct CandidateColumns {
  std::vector<std::string> ids, prompts, subsets;
  std::vector<std::vector<std::string>> chosen, rejected, models;
  std::vector<std::int64_t> num_correct, num_incorrect, total_completions;

  void add(const std::string& id, const Subset& subset, std::size_t n_good, std::size_t n_bad,
           Random& random) {
    const Candidates candidates = draw_candidates(subset.kind, n_good, n_bad, random);
    ids.push_back(id);
    prompts.push_back(make_prompt(subset.kind, "", random));
    subsets.emplace_back(subset.name);
    chosen.push_back(answers(subset.kind, candidates.good, random));
    rejected.push_back(answers(subset.kind, candidates.bad, random));
    models.emplace_back(n_good + n_bad, "demo");
    num_correct.push_back(static_cast<std::int64_t>(n_good));
    num_incorrect.push_back(static_cast<std::int64_t>(n_bad));
    total_completions.push_back(static_cast<std::int64_t>(n_good + n_bad));
  }

 private:
  static std::vector<std::string> answers(PromptKind kind, const std::vector<Traits>& all, Random& random) {
    std::vector<std::string> texts;
    for (const Traits& traits : all) texts.push_back(make_answer(kind, traits, random));
    return texts;
  }
};

std::string language_of(const Subset& subset) {
  const std::string name = subset.name;
  return subset.kind == code ? name.substr(name.find('-') + 1) : "";
}

// Each source gets its share of every hundred rows; the order is shuffled afterwards.
std::vector<std::size_t> assign_sources(std::int64_t rows, Random& random) {
  std::vector<std::size_t> of_hundred;
  for (std::size_t s = 0; s < annotators().size(); ++s)
    of_hundred.insert(of_hundred.end(), static_cast<std::size_t>(annotators()[s].share), s);
  std::vector<std::size_t> sources;
  for (std::int64_t row = 0; row < rows; ++row)
    sources.push_back(of_hundred[static_cast<std::size_t>(row * 37) % of_hundred.size()]);
  random.shuffle(sources);
  return sources;
}

std::vector<data::ParquetColumn> pair_columns(std::vector<Conversation> chosen,
                                              std::vector<Conversation> rejected,
                                              std::vector<std::string> sources) {
  return {{"chosen", std::move(chosen)}, {"rejected", std::move(rejected)}, {"source", std::move(sources)}};
}

}  // namespace

std::vector<data::ParquetColumn> make_multi_objective(std::int64_t rows, std::uint64_t seed) {
  Random random(seed, "multi-objective");
  std::vector<Conversation> messages;
  std::vector<std::vector<std::optional<double>>> labels(kAttributes);
  for (const std::size_t source : assign_sources(rows, random)) {
    const Annotators& by = annotators()[source];
    const PromptKind kind = random.pick(by.kinds);
    const Traits traits = draw_traits(kind, random);
    messages.push_back(with_answer(make_opening(kind, random), make_answer(kind, traits, random)));
    const Labels row = draw_labels(by, traits, random);
    for (std::size_t k = 0; k < kAttributes; ++k) labels[k].push_back(row[k]);
  }
  std::vector<data::ParquetColumn> columns{{"messages", std::move(messages)}};
  for (std::size_t k = 0; k < kAttributes; ++k)
    columns.push_back({default_attributes().at(k), std::move(labels[k])});
  return columns;
}

std::vector<data::ParquetColumn> make_preference(std::int64_t pairs, std::uint64_t seed) {
  Random random(seed, "preference");
  std::vector<Conversation> chosen, rejected;
  std::vector<std::string> sources;
  for (std::int64_t i = 0; i < pairs; ++i) {
    const PromptKind kind = random.pick(kPromptKinds);
    const Conversation opening = make_opening(kind, random);
    TraitPair traits = draw_pair(kind, random);
    if (random.chance(kLabelError)) std::swap(traits.better, traits.worse);
    chosen.push_back(with_answer(opening, make_answer(kind, traits.better, random)));
    rejected.push_back(with_answer(opening, make_answer(kind, traits.worse, random)));
    sources.push_back(std::string("demo-") + name(kind));
  }
  return pair_columns(std::move(chosen), std::move(rejected), std::move(sources));
}

std::vector<data::ParquetColumn> make_reference(std::int64_t pairs, std::uint64_t seed) {
  Random random(seed, "reference");
  std::vector<Conversation> chosen, rejected;
  std::vector<std::string> sources;
  for (std::int64_t i = 0; i < pairs; ++i) {
    const PromptKind kind = random.pick(kPromptKinds);
    const Conversation opening = make_opening(kind, random);
    for (std::vector<Conversation>* side : {&chosen, &rejected})
      side->push_back(with_answer(opening, make_answer(kind, draw_traits(kind, random), random)));
    sources.emplace_back("demo-reference");
  }
  return pair_columns(std::move(chosen), std::move(rejected), std::move(sources));
}

std::vector<data::ParquetColumn> make_reward_bench(std::int64_t rows, std::uint64_t seed) {
  Random random(seed, "reward-bench");
  std::vector<std::string> prompts, chosen, rejected, subsets;
  std::vector<std::int64_t> ids;
  for (std::int64_t row = 0; row < rows; ++row) {
    const Subset& subset =
        reward_bench_subsets()[static_cast<std::size_t>(row) % reward_bench_subsets().size()];
    const TraitPair traits = draw_pair(subset.kind, random);
    prompts.push_back(make_prompt(subset.kind, language_of(subset), random));
    chosen.push_back(make_answer(subset.kind, traits.better, random));
    rejected.push_back(make_answer(subset.kind, traits.worse, random));
    subsets.emplace_back(subset.name);
    ids.push_back(row);
  }
  return {{"prompt", std::move(prompts)},
          {"chosen", std::move(chosen)},
          {"rejected", std::move(rejected)},
          {"subset", std::move(subsets)},
          {"id", std::move(ids)}};
}

std::vector<data::ParquetColumn> make_reward_bench_2(std::int64_t rows, std::uint64_t seed) {
  Random random(seed, "reward-bench-2");
  CandidateColumns columns;
  const auto& subsets = reward_bench_2_subsets();
  for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
    const Subset& subset = subsets[row % subsets.size()];
    const std::size_t round = row / subsets.size();
    if (subset.name != std::string("Ties")) {
      columns.add(std::to_string(row), subset, 1, 3, random);
    } else if (round % 2 == 0) {
      columns.add("ref:" + std::to_string(round / 2), subset, 1, 4, random);
    } else {
      columns.add("tied:" + std::to_string(round / 2), subset, 3, 4, random);
    }
  }
  return {{"id", std::move(columns.ids)},
          {"prompt", std::move(columns.prompts)},
          {"chosen", std::move(columns.chosen)},
          {"rejected", std::move(columns.rejected)},
          {"num_correct", std::move(columns.num_correct)},
          {"num_incorrect", std::move(columns.num_incorrect)},
          {"total_completions", std::move(columns.total_completions)},
          {"models", std::move(columns.models)},
          {"subset", std::move(columns.subsets)}};
}

std::vector<std::string> texts_of(const std::vector<data::ParquetColumn>& columns) {
  std::vector<std::string> texts;
  for (const data::ParquetColumn& column : columns) {
    if (const auto* conversations = std::get_if<std::vector<Conversation>>(&column.values)) {
      for (const Conversation& conversation : *conversations)
        for (const Message& message : conversation) texts.push_back(message.content);
    }
  }
  return texts;
}

}  // namespace armorm::demo
