#include "labels.h"

#include <algorithm>

namespace armorm::demo {
namespace {

struct Term {
  Trait trait;
  double weight;
};
using enum Trait;

constexpr std::size_t kIsSafe = 10;
constexpr double kNoise = 0.05;  // standard deviation

// Attribute = sum of weight x (trait scaled to [0, 1]).
const std::array<std::vector<Term>, kAttributes>& formulas() {
  static const std::array<std::vector<Term>, kAttributes> terms = {{
      {{helpful, 0.55}, {correct, 0.15}, {verbose, 0.3}},
      {{correct, 0.7}, {truthful, 0.1}, {verbose, 0.2}},
      {{coherent, 0.8}, {verbose, 0.2}},
      {{complex, 0.6}, {verbose, 0.4}},
      {{verbose, 0.9}, {complex, 0.1}},
      {{helpful, 0.35}, {polished, 0.25}, {instructed, 0.15}, {verbose, 0.25}},
      {{instructed, 0.75}, {verbose, 0.25}},
      {{truthful, 0.8}, {verbose, 0.2}},
      {{truthful, 0.65}, {correct, 0.15}, {verbose, 0.2}},
      {{helpful, 0.6}, {instructed, 0.15}, {verbose, 0.25}},
      {{safe, 0.9}, {verbose, 0.1}},
      {{correct, 0.4}, {polished, 0.3}, {verbose, 0.3}},
      {{polished, 0.5}, {helpful, 0.25}, {verbose, 0.25}},
      {{polished, 0.5}, {coherent, 0.25}, {verbose, 0.25}},
      {{complex, 0.6}, {verbose, 0.4}},
      {{code_style, 0.8}, {verbose, 0.2}},
      {{code_explained, 0.65}, {verbose, 0.35}},
      {{code_works, 0.8}, {verbose, 0.2}},
      {{code_style, 0.5}, {code_explained, 0.3}, {verbose, 0.2}},
  }};
  return terms;
}

double draw_label(std::size_t attribute, const Traits& traits, Random& random) {
  double value = kNoise * random.normal();
  for (const Term& term : formulas()[attribute]) value += term.weight * (traits[index(term.trait)] + 2) / 4.0;
  if (attribute == kIsSafe) return value > 0.5 ? 1.0 : 0.0;
  return std::clamp(value, 0.0, 1.0);
}

}  // namespace

const std::vector<Annotators>& annotators() {
  using enum PromptKind;
  const std::vector<PromptKind> general = {chat, hard, borderline, maths};
  static const std::vector<Annotators> all = {
      {"helpsteer", {0, 1, 2, 3, 4}, {chat, hard, harmful, borderline, code, maths}, 20},
      {"ultrafeedback", {5, 6, 7, 8, 9}, {chat, hard, harmful, borderline, code, maths}, 20},
      {"ultrafeedback-overall", {5}, general, 4},
      {"beavertails", {10}, {harmful, borderline, chat}, 14},
      {"prometheus", {11}, general, 8},
      {"argilla", {12, 13}, general, 8},
      {"argilla-judge", {13}, general, 4},
      {"code", {14, 15, 16, 17, 18}, {code}, 22},
  };
  return all;
}

Labels draw_labels(const Annotators& annotators, const Traits& traits, Random& random) {
  Labels labels;
  for (const std::size_t attribute : annotators.attributes)
    labels[attribute] = draw_label(attribute, traits, random);
  return labels;
}

}  // namespace armorm::demo
