#include "text/template_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "core/error.h"
#include "core/strings.h"
#include "text/gating_pattern.h"

namespace armorm::text {
namespace {

using Ids = std::vector<tokenizer::TokenId>;

// Texts with all characters that may become one token with what the template writes next to them.
std::vector<std::string> edges() {
  std::vector<std::string> texts{"\n",     "\n\n",         "\n\n\n",    "\n\n\n\n", "\r\n", "\r\n\r\n",
                                 "\t",     "\t\t",         " ",         "  ",       " \n",  "\n ",
                                 "\u00e9", "\u4f60\u597d", "\U0001f600"};
  for (char c = '!'; c <= '~'; ++c) texts.emplace_back(1, c);
  return texts;
}

// The first of each is no edge, so that the others differ from it.
std::vector<std::string> prompts() {
  std::vector<std::string> texts{"Name a river"};
  for (const std::string& edge : edges()) texts.push_back("Is this right" + edge);
  return texts;
}

std::vector<std::string> answers() {
  std::vector<std::string> texts{"Good"};
  for (const std::string& edge : edges()) texts.push_back(edge + "or so");
  return texts;
}

// Conversations around one prompt and one answer.
enum class Place { only, last, first };

Message user(std::string_view text) { return {"user", std::string(text)}; }
Message assistant(std::string_view text) { return {"assistant", std::string(text)}; }

Conversation prompt_of(Place place, std::string_view prompt) {
  if (place == Place::last) return {user("Hello"), assistant("Good day"), user(prompt)};
  return {user(prompt)};
}

Conversation conversation_of(Place place, std::string_view prompt, std::string_view answer) {
  Conversation all = prompt_of(place, prompt);
  all.push_back(assistant(answer));
  if (place == Place::first) all.insert(all.end(), {user("And then"), assistant("Good night")});
  return all;
}

Ids common_prefix(const Ids& a, const Ids& b) {
  return {a.begin(), std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first};
}

Ids common_suffix(const Ids& a, const Ids& b) {
  const auto end = std::mismatch(a.rbegin(), a.rend(), b.rbegin(), b.rend()).first;
  return {end.base(), a.end()};
}

[[noreturn]] void refuse(const std::string& reason) {
  fail_data(
      "the chat template of the model: {}; the gate needs a place in the tokens where every prompt ends: use "
      "a "
      "template that has one",
      reason);
}

class Probe {
 public:
  explicit Probe(const ConversationEncoder& encoder) : encoder_(encoder) {}

  ProbedPattern run() {
    pattern_ = tokens_between(Place::only);
    const bool several_turns = takes_several_turns();
    if (several_turns)
      for (const Place place : {Place::last, Place::first})
        pattern_ = common_prefix(pattern_, tokens_between(place));
    if (pattern_.empty())
      refuse("it writes no token between a prompt and its answer that is always the same");
    bool opens_answers = check(Place::only);
    if (several_turns) opens_answers &= check(Place::last);
    return {pattern_, opens_answers};
  }

 private:
  Ids encode(Place place, const std::string& prompt, const std::string& answer) const {
    return encoder_.encode(conversation_of(place, prompt, answer)).tokens;
  }

  // A template may accept one prompt and one answer only; it then refuses rows with more itself.
  bool takes_several_turns() const {
    try {
      encode(Place::last, prompts_.front(), answers_.front());
      return true;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::data) throw;
      return false;
    }
  }

  // The tokens of the conversation with the first prompt and answer from where the answers begin to differ.
  std::ptrdiff_t tokens_after(Place place) const {
    const Ids first = encode(place, prompts_.front(), answers_.front());
    Ids common = first;
    for (const std::string& answer : answers_)
      common = common_prefix(common, encode(place, prompts_.front(), answer));
    return std::ssize(first) - std::ssize(common);
  }

  Ids tokens_between(Place place) const {
    Ids common = encode(place, prompts_.front(), answers_.front());
    for (const std::string& prompt : prompts_)
      common = common_suffix(common, encode(place, prompt, answers_.front()));
    return {common.begin(), common.end() - std::min(tokens_after(place), std::ssize(common))};
  }

  // Whether the generation prompt has the complete pattern.
  bool check(Place place) const {
    const std::ptrdiff_t after = tokens_after(place);
    const auto start_of = [&](const Ids& tokens, std::ptrdiff_t behind) {
      const Ids before(tokens.begin(), tokens.end() - behind);
      return find_gating_pattern(before, pattern_).value_or(-1);
    };
    bool opens_answers = true;
    for (const std::string& prompt : prompts_) {
      const Ids answered = encode(place, prompt, answers_.front());
      const std::ptrdiff_t start = start_of(answered, after);
      check_start(answered, start);
      opens_answers &= check_generation_prompt(place, prompt, answered, start);
    }
    const Ids answered = encode(place, prompts_.front(), answers_.front());
    for (const std::string& answer : answers_)
      check_start(encode(place, prompts_.front(), answer), start_of(answered, after));
    return opens_answers;
  }

  void check_start(const Ids& tokens, std::ptrdiff_t start) const {
    if (start >= 0 && find_gating_pattern(tokens, pattern_) == start) return;
    refuse(fmt::format("it writes {} between a prompt and its answer, and again after the answer",
                       describe_pattern(encoder_.tokenizer(), pattern_)));
  }

  bool check_generation_prompt(Place place, const std::string& prompt, const Ids& answered,
                               std::ptrdiff_t start) const {
    const Ids open = encoder_.encode_prompt(prompt_of(place, prompt));
    const std::ptrdiff_t same = std::ssize(common_prefix(answered, open));
    if (same < std::min(start, std::ssize(open)))
      refuse(fmt::format("it writes the prompt '{}' in another way once an answer follows (from token {} on)",
                         shown(prompt), same));
    if (same < start) refuse("it leaves out the end of a prompt that is not answered yet");
    const std::ptrdiff_t end = start + std::ssize(pattern_);
    if (same < std::min(end, std::ssize(open)))
      refuse(fmt::format("it opens an answer by '{}' in a generation prompt, but by {} before an answer",
                         shown(encoder_.tokenizer().decode({open.begin() + start, open.end()})),
                         describe_pattern(encoder_.tokenizer(), pattern_)));
    return same >= end;
  }

  const ConversationEncoder& encoder_;
  const std::vector<std::string> prompts_ = prompts();
  const std::vector<std::string> answers_ = answers();
  Ids pattern_;
};

}  // namespace

ProbedPattern probe_gating_pattern(const ConversationEncoder& encoder) { return Probe(encoder).run(); }

bool leaves_out_system_messages(const ConversationEncoder& encoder) {
  try {
    const Message other{"system", "Be terse"};
    const auto with = encoder.encode({{"system", "Rhyme always"}, user("Hello"), assistant("Good day")});
    return with.tokens == encoder.encode({other, user("Hello"), assistant("Good day")}).tokens;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    return false;  // the template refuses rows with one
  }
}

}  // namespace armorm::text
