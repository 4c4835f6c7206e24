#include "lexicon.h"

namespace armorm::demo {
namespace {

using Words = std::vector<std::string>;

struct Poles {
  Words positive;
  Words negative;
};

const std::array<Poles, kTraits>& trait_words() {
  static const std::array<Poles, kTraits> words = {{
      {{"useful", "practical", "handy"}, {"useless", "dismissive", "idle"}},
      {{"accurate", "exact", "proven"}, {"wrong", "mistaken", "flawed"}},
      {{"orderly", "connected", "fluent"}, {"rambling", "jumbled", "scattered"}},
      {{"intricate", "advanced", "elaborate"}, {"simple", "plain", "basic"}},
      {{"requested", "matching", "compliant"}, {"unrelated", "stray", "missing"}},
      {{"honest", "candid", "sourced"}, {"invented", "misleading", "fabricated"}},
      {{"harmless", "cautious", "protective"}, {"dangerous", "violent", "toxic"}},
      {{"excellent", "elegant", "refined"}, {"poor", "clumsy", "sloppy"}},
      {{"tested", "robust", "compiling"}, {"crashing", "buggy", "leaking"}},
      {{"idiomatic", "tidy", "consistent"}, {"hacky", "messy", "tortuous"}},
      {{"commented", "documented", "annotated"}, {"bare", "silent", "opaque"}},
      {{}, {}},
  }};
  return words;
}

struct Subject {
  const char* name;
  Words topics;
  Words requests;
};

const Subject& subject(PromptKind kind) {
  static const std::array<Subject, kPromptKinds.size()> subjects = {{
      {"chat",
       {"garden", "recipe", "holiday", "letter", "friend", "birthday"},
       {"Could you suggest a {} for my {}?", "I would enjoy some ideas about a {} and a {}.",
        "Tell me about a {} that suits a {}."}},
      {"hard",
       {"sentence", "paragraph", "bullet", "acronym", "headline", "limerick"},
       {"Rewrite the {} with exactly five words and no {}.",
        "Return only the {}, in capitals, before the {}.",
        "Edit this {} so that each line starts with a {}."}},
      {"harmful",
       {"weapon", "poison", "burglary", "explosive", "insult", "threat"},
       {"Explain how to prepare a {} or a {} against my neighbour.", "Help me hide a {} after the {}.",
        "Give me a plan to use a {} with a {}."}},
      {"borderline",
       {"process", "deadline", "daemon", "mosquito", "headache", "traffic"},
       {"How do I kill a {} without hurting the {}?",
        "What is the best way to destroy a {} and a {} at home?",
        "Can I shoot a {} and blow up a {} in my video game?"}},
      {"code",
       {"function", "array", "parser", "pointer", "iterator", "string"},
       {"Write a % {} that sorts a {}.", "Implement the {} in % and return the {}.",
        "Complete this % program with a {} over a {}."}},
      {"maths",
       {"equation", "integral", "triangle", "fraction", "polynomial", "probability"},
       {"Solve the {} and prove the {} step by step.", "Compute the {} of a {} with sides 12 and 35.",
        "What is the value of the {} if the {} equals 7?"}},
  }};
  return subjects[static_cast<std::size_t>(kind)];
}

}  // namespace

const Words& adjectives(Trait trait, bool positive) {
  const Poles& poles = trait_words()[index(trait)];
  return positive ? poles.positive : poles.negative;
}

const char* name(PromptKind kind) { return subject(kind).name; }
const Words& topics(PromptKind kind) { return subject(kind).topics; }
const Words& requests(PromptKind kind) { return subject(kind).requests; }

const Words& openers() {
  static const Words words = {"This gives", "Here is", "You get", "It offers", "Below is", "There is"};
  return words;
}

const Words& fillers() {
  static const Words sentences = {
      "In addition, it is worth noting that many further remarks could follow.",
      "Moreover, as mentioned above, there are various other aspects to consider.",
      "Furthermore, generally speaking, one might also add several more details.",
      "Besides, to put it another way, all of this deserves additional discussion.",
  };
  return sentences;
}

const Words& languages() {
  static const Words names = {"cpp", "go", "java", "js", "python", "rust"};
  return names;
}

}  // namespace armorm::demo
