#include "conversations.h"

namespace armorm::demo {
namespace {

std::string fill_in(const std::string& request, PromptKind kind, const std::string& language,
                    Random& random) {
  std::string text;
  for (std::size_t i = 0; i < request.size(); ++i) {
    if (request[i] == '%') {
      text += language.empty() ? random.pick(languages()) : language;
    } else if (request.compare(i, 2, "{}") == 0) {
      text += random.pick(topics(kind));
      ++i;
    } else {
      text += request[i];
    }
  }
  return text;
}

std::vector<std::string> draw_adjectives(const Traits& traits, Random& random) {
  std::vector<std::string> words;
  for (std::size_t t = 0; t < kTraits; ++t) {
    const auto trait = static_cast<Trait>(t);
    if (trait == Trait::verbose) continue;
    for (int i = 0; i < std::abs(traits[t]); ++i)
      words.push_back(random.pick(adjectives(trait, traits[t] > 0)));
  }
  random.shuffle(words);
  return words;
}

// "You get a useful garden and a plain letter."
std::string make_sentence(PromptKind kind, const std::string& first, const std::string* second,
                          Random& random) {
  std::string text = random.pick(openers()) + " a " + first + " " + random.pick(topics(kind));
  if (second != nullptr) text += " and a " + *second + " " + random.pick(topics(kind));
  return text + ".";
}

std::string join(const std::vector<std::string>& sentences) {
  std::string text;
  for (const std::string& sentence : sentences) text += (text.empty() ? "" : " ") + sentence;
  return text;
}

}  // namespace

Traits draw_traits(PromptKind kind, Random& random) {
  Traits traits{};
  for (std::size_t t = 0; t < kTraits; ++t)
    if (kind == PromptKind::code || !is_code_trait(static_cast<Trait>(t)))
      traits[t] = static_cast<int>(random.below(5)) - 2;
  return traits;
}

std::string make_prompt(PromptKind kind, const std::string& language, Random& random) {
  return fill_in(random.pick(requests(kind)), kind, language, random);
}

std::string make_answer(PromptKind kind, const Traits& traits, Random& random) {
  const std::vector<std::string> words = draw_adjectives(traits, random);
  std::vector<std::string> sentences;
  for (std::size_t i = 0; i < words.size(); i += 2)
    sentences.push_back(
        make_sentence(kind, words[i], i + 1 < words.size() ? &words[i + 1] : nullptr, random));
  for (int i = -2; i < traits[index(Trait::verbose)]; ++i) sentences.push_back(random.pick(fillers()));
  random.shuffle(sentences);
  return sentences.empty() ? "Here it is." : join(sentences);
}

Conversation make_opening(PromptKind kind, Random& random) {
  Conversation opening;
  if (random.chance(0.1)) opening.push_back({"system", "You answer questions of many kinds."});
  if (random.chance(0.1)) {
    opening.push_back({"user", make_prompt(kind, "", random)});
    opening.push_back({"assistant", random.pick(openers()) + " a " + random.pick(topics(kind)) + "."});
  }
  opening.push_back({"user", make_prompt(kind, "", random)});
  return opening;
}

Conversation with_answer(Conversation opening, const std::string& answer) {
  opening.push_back({"assistant", answer});
  return opening;
}

}  // namespace armorm::demo
