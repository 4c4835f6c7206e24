#include "data/transcript.h"

#include <span>

#include "core/error.h"
#include "core/strings.h"

namespace armorm::data {
namespace {

struct Marker {
  std::string_view text;
  std::string_view role;
};

constexpr Marker kTranscript[] = {{"\n\nHuman:", "user"}, {"\n\nAssistant:", "assistant"}};
constexpr Marker kTags[] = {{"\n<extra_id_1>User\n", "user"}, {"\n<extra_id_1>Assistant\n", "assistant"}};

struct Found {
  std::size_t at = std::string_view::npos;
  const Marker* marker = nullptr;
};

// In one pass: every marker begins with a line feed.
Found find_marker(std::string_view text, std::span<const Marker> markers, std::size_t from) {
  for (std::size_t at = text.find('\n', from); at != std::string_view::npos; at = text.find('\n', at + 1))
    for (const Marker& marker : markers)
      if (text.substr(at).starts_with(marker.text)) return {at, &marker};
  return {};
}

// Appends the turns after `next`, which begins the first of them.
void append_turns(std::string_view text, std::span<const Marker> markers, Found next, Conversation& turns) {
  while (next.marker != nullptr) {
    const std::size_t begin = next.at + next.marker->text.size();
    const Found following = find_marker(text, markers, begin);
    turns.push_back({std::string(next.marker->role), std::string(text.substr(begin, following.at - begin))});
    next = following;
  }
}

}  // namespace

bool is_transcript(std::string_view text) { return text.starts_with(kTranscript[0].text); }

Conversation parse_transcript(std::string_view text, const std::string& where) {
  if (!is_transcript(text))
    fail_data("{}: found text that does not begin with \"\\n\\nHuman:\", expected a transcript", where);
  Conversation turns;
  append_turns(text, kTranscript, find_marker(text, kTranscript, 0), turns);
  for (Message& turn : turns) turn.content = std::string(trimmed(turn.content));
  return turns;
}

Conversation transcript_prompt(std::string_view text, const std::string& where) {
  Conversation turns = parse_transcript(text, where);
  if (turns.back().role == "assistant" && turns.back().content.empty()) turns.pop_back();
  return turns;
}

Conversation parse_tagged_turns(std::string_view text) {
  const Found next = find_marker(text, kTags, 0);
  Conversation turns{{"user", std::string(text.substr(0, next.at))}};
  append_turns(text, kTags, next, turns);
  return turns;
}

}  // namespace armorm::data
