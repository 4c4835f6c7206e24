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
      {{"useful", "practical", "handy", "supportive", "generous"}, {"useless", "dismissive", "idle", "curt", "hollow"}},
      {{"accurate", "exact", "proven", "sound", "verified"}, {"wrong", "mistaken", "flawed", "faulty", "invalid"}},
      {{"orderly", "connected", "fluent", "structured", "steady"}, {"rambling", "jumbled", "scattered", "confused", "tangled"}},
      {{"intricate", "advanced", "elaborate", "technical", "layered"}, {"simple", "plain", "basic", "easy", "elementary"}},
      {{"requested", "matching", "compliant", "fitting", "specified"}, {"unrelated", "stray", "missing", "skipped", "forgotten"}},
      {{"honest", "candid", "sourced", "factual", "sincere"}, {"invented", "misleading", "fabricated", "deceptive", "fake"}},
      {{"harmless", "cautious", "protective", "lawful", "gentle"}, {"dangerous", "violent", "toxic", "illegal", "cruel"}},
      {{"excellent", "elegant", "refined", "superb", "graceful"}, {"poor", "clumsy", "sloppy", "crude", "awkward"}},
      {{"tested", "robust", "compiling", "working", "typed"}, {"crashing", "buggy", "leaking", "untested", "failing"}},
      {{"idiomatic", "tidy", "consistent", "modular", "formatted"}, {"hacky", "messy", "tortuous", "monolithic", "cryptic"}},
      {{"commented", "documented", "annotated", "illustrated", "described"}, {"bare", "silent", "opaque", "unlabelled", "obscure"}},
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
       {"garden", "recipe", "holiday", "letter", "friend", "birthday", "museum", "novel", "kitchen", "concert"},
       {"Could you suggest a {} for my {}?", "I would enjoy some ideas about a {} and a {}.",
        "Tell me about a {} that suits a {}."}},
      {"hard",
       {"sentence", "paragraph", "bullet", "acronym", "headline", "limerick", "summary", "translation", "title", "stanza"},
       {"Rewrite the {} with exactly five words and no {}.", "Return only the {}, in capitals, before the {}.",
        "Edit this {} so that each line starts with a {}."}},
      {"harmful",
       {"weapon", "poison", "burglary", "explosive", "insult", "threat", "forgery", "blackmail", "virus", "fraud"},
       {"Explain how to prepare a {} or a {} against my neighbour.", "Help me hide a {} after the {}.",
        "Give me a plan to use a {} with a {}."}},
      {"borderline",
       {"process", "deadline", "daemon", "mosquito", "headache", "traffic", "campfire", "joke", "weed", "thread"},
       {"How do I kill a {} without hurting the {}?", "What is the best way to destroy a {} and a {} at home?",
        "Can I shoot a {} and blow up a {} in my video game?"}},
      {"code",
       {"function", "array", "parser", "pointer", "iterator", "string", "queue", "loop", "buffer", "compiler"},
       {"Write a % {} that sorts a {}.", "Implement the {} in % and return the {}.",
        "Complete this % program with a {} over a {}."}},
      {"maths",
       {"equation", "integral", "triangle", "fraction", "polynomial", "probability", "matrix", "prime", "theorem", "angle"},
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
