#include "text/jinja/strings.h"

#include <algorithm>
#include <cstring>

#include "text/jinja/failure.h"
#include "text/jinja/limits.h"
#include "text/jinja/python_unicode.h"

namespace armorm::text::jinja {
namespace {

std::size_t previous(std::string_view text, std::size_t at) {
  std::size_t begin = at - 1;
  while (begin > 0 && at - begin < 4 && is_utf8_continuation(text[begin])) --begin;
  return code_point_at(text, begin).size == at - begin ? begin : at - 1;
}

void append_all(Text& out, const std::u32string& mapped, bool data) {
  for (const char32_t c : mapped) out.append_code_point(c, data);
}

// Lower case, with Python's rule for a sigma at the end of a word.
std::u32string lower_at(std::string_view text, std::size_t at, CodePoint c) {
  constexpr char32_t kSigma = 0x3A3;
  if (c.value != kSigma) return to_lower(c.value);
  std::size_t before = at;
  char32_t left = 0;
  while (before > 0) {
    before = previous(text, before);
    left = code_point_at(text, before).value;
    if (!is_case_ignorable(left)) break;
    left = 0;
  }
  std::size_t after = at + c.size;
  char32_t right = 0;
  while (after < text.size()) {
    const CodePoint next = code_point_at(text, after);
    right = next.value;
    if (!is_case_ignorable(right)) break;
    right = 0;
    after += next.size;
  }
  const bool final = left != 0 && is_cased(left) && !(right != 0 && is_cased(right));
  return {final ? char32_t{0x3C2} : char32_t{0x3C3}};
}

template <class Map>
Text map_code_points(const Text& text, Map map) {
  Text out;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text.view(), at);
    append_all(out, map(at, c), text.is_data(at));
    at += c.size;
  }
  return out;
}

void check_count(std::size_t count) {
  if (count > kMaxItems) fail("a list grows past {} items", kMaxItems);
}

std::size_t rfind(std::string_view text, std::string_view part, std::size_t end) {
  return end < part.size() ? std::string_view::npos : text.rfind(part, end - part.size());
}

std::vector<Value> split_separator(const Text& text, const Text& separator, std::int64_t limit,
                                   bool from_right) {
  if (separator.empty()) fail("the separator of split is empty");
  std::vector<std::pair<std::size_t, std::size_t>> parts;
  std::size_t begin = 0;
  std::size_t end = text.size();
  while (limit < 0 || static_cast<std::int64_t>(parts.size()) < limit) {
    check_count(parts.size());
    const std::size_t at = from_right ? rfind(text.view().substr(0, end), separator.view(), end)
                                      : find_bytes(text.view(), separator.view(), begin);
    if (at == std::string_view::npos) break;
    if (from_right) {
      parts.emplace_back(at + separator.size(), end);
      end = at;
    } else {
      parts.emplace_back(begin, at);
      begin = at + separator.size();
    }
  }
  parts.emplace_back(begin, end);
  if (from_right) std::reverse(parts.begin(), parts.end());
  std::vector<Value> values;
  for (const auto& [from, to] : parts) values.emplace_back(text.slice(from, to));
  return values;
}

std::vector<Value> split_words(const Text& text, std::int64_t limit) {
  std::vector<Value> words;
  std::size_t at = 0;
  const auto skip = [&](bool space) {
    while (at < text.size()) {
      const CodePoint c = code_point_at(text.view(), at);
      if (is_space(c.value) != space) return;
      at += c.size;
    }
  };
  for (skip(true); at < text.size(); skip(true)) {
    check_count(words.size());
    const std::size_t begin = at;
    if (limit >= 0 && static_cast<std::int64_t>(words.size()) == limit) {
      words.emplace_back(text.slice(begin, text.size()));
      break;
    }
    skip(false);
    words.emplace_back(text.slice(begin, at));
  }
  return words;
}

std::vector<Value> split_words_from_right(const Text& text, std::int64_t limit) {
  std::vector<Value> words;
  std::size_t end = text.size();
  const auto skip = [&](bool space) {
    while (end > 0) {
      const std::size_t before = previous(text.view(), end);
      if (is_space(code_point_at(text.view(), before).value) != space) return;
      end = before;
    }
  };
  for (skip(true); end > 0; skip(true)) {
    check_count(words.size());
    const std::size_t word_end = end;
    if (limit >= 0 && static_cast<std::int64_t>(words.size()) == limit) {
      words.emplace_back(text.slice(0, word_end));
      break;
    }
    skip(false);
    const std::size_t word_begin = end;
    words.emplace_back(text.slice(word_begin, word_end));
  }
  std::reverse(words.begin(), words.end());
  return words;
}

}  // namespace

std::size_t find_bytes(std::string_view text, std::string_view part, std::size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (part.empty()) return from;
  const void* found = memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return found == nullptr ? std::string_view::npos
                          : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

Text strip(const Text& text, Side side, const Text* characters) {
  std::u32string set;
  for (std::size_t at = 0; characters != nullptr && at < characters->size();) {
    const CodePoint c = code_point_at(characters->view(), at);
    set.push_back(c.value);
    at += c.size;
  }
  const auto goes = [&](char32_t c) {
    return characters == nullptr ? is_space(c) : set.find(c) != std::u32string::npos;
  };
  std::size_t begin = 0;
  std::size_t end = text.size();
  while (side != Side::right && begin < end) {
    const CodePoint c = code_point_at(text.view(), begin);
    if (!goes(c.value)) break;
    begin += c.size;
  }
  while (side != Side::left && end > begin) {
    const std::size_t before = previous(text.view(), end);
    if (!goes(code_point_at(text.view(), before).value)) break;
    end = before;
  }
  return text.slice(begin, end);
}

Text upper(const Text& text) {
  return map_code_points(text, [](std::size_t, CodePoint c) { return to_upper(c.value); });
}

Text lower(const Text& text) {
  return map_code_points(text, [&](std::size_t at, CodePoint c) { return lower_at(text.view(), at, c); });
}

Text title(const Text& text) {
  bool in_word = false;
  return map_code_points(text, [&](std::size_t at, CodePoint c) {
    auto mapped = in_word ? lower_at(text.view(), at, c) : to_title(c.value);
    in_word = is_cased(c.value);
    return mapped;
  });
}

Text capitalize(const Text& text) {
  return map_code_points(text, [&](std::size_t at, CodePoint c) {
    return at == 0 ? to_title(c.value) : lower_at(text.view(), at, c);
  });
}

Text swap_case(const Text& text) {
  return map_code_points(text, [&](std::size_t at, CodePoint c) {
    return is_upper(c.value) ? lower_at(text.view(), at, c)
                             : (is_lower(c.value) ? to_upper(c.value) : std::u32string{c.value});
  });
}

Text replace(const Text& text, const Text& from, const Text& to, std::int64_t count) {
  if (from.view() == to.view() && !to.any_data()) return text;  // what came from the data still does
  Text out;
  std::size_t at = 0;
  for (std::int64_t done = 0; count < 0 || done < count; ++done) {
    const std::size_t found = find_bytes(text.view(), from.view(), at);
    if (found == std::string_view::npos) break;
    if (!from.empty()) {
      out.append_slice(text, at, found);
      out.append(to);
      at = found + from.size();
      continue;
    }
    // An empty string is found before every character and at the end.
    out.append(to);
    if (at == text.size()) return out;
    const std::size_t size = code_point_at(text.view(), at).size;
    out.append_slice(text, at, at + size);
    at += size;
  }
  out.append_slice(text, at, text.size());
  return out;
}

std::vector<Value> split(const Text& text, const Text* separator, std::int64_t limit, bool from_right) {
  if (separator != nullptr) return split_separator(text, *separator, limit, from_right);
  return from_right ? split_words_from_right(text, limit) : split_words(text, limit);
}

std::vector<Value> split_lines(const Text& text, bool keep_ends) {
  std::vector<Value> lines;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text.view(), at);
    const std::size_t end = at;
    at += c.size;
    const char32_t v = c.value;
    if (!(v >= 0x0A && v <= 0x0D) && !(v >= 0x1C && v <= 0x1E) && v != 0x85 && v != 0x2028 && v != 0x2029)
      continue;
    if (v == U'\r' && at < text.size() && text.view()[at] == '\n') ++at;
    check_count(lines.size());
    lines.emplace_back(text.slice(begin, keep_ends ? at : end));
    begin = at;
  }
  if (begin < text.size()) lines.emplace_back(text.slice(begin, text.size()));
  return lines;
}

std::vector<Value> partition(const Text& text, const Text& separator, bool from_right) {
  if (separator.empty()) fail("the separator of partition is empty");
  const std::size_t at =
      from_right ? text.view().rfind(separator.view()) : find_bytes(text.view(), separator.view(), 0);
  if (at == std::string_view::npos) {
    return from_right ? std::vector<Value>{Text(), Text(), text} : std::vector<Value>{text, Text(), Text()};
  }
  return {text.slice(0, at), separator, text.slice(at + separator.size(), text.size())};
}

Text join(const Text& separator, const std::vector<Text>& parts) {
  Text out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out.append(separator);
    out.append(parts[i]);
  }
  return out;
}

Text pad(const Text& text, std::int64_t width, const Text& fill, Side text_side) {
  const auto length = static_cast<std::int64_t>(count_code_points(text.view()));
  if (count_code_points(fill.view()) != 1) fail("the fill character must be one character");
  const std::int64_t missing = std::max<std::int64_t>(width - length, 0);
  // str.center puts the odd blank on the left when the width is odd.
  const std::int64_t half = missing / 2 + (missing & width & 1);
  const std::int64_t left = text_side == Side::left ? 0 : text_side == Side::right ? missing : half;
  Text out;
  out.append_fill(static_cast<std::size_t>(left), fill);
  out.append(text);
  out.append_fill(static_cast<std::size_t>(missing - left), fill);
  return out;
}

}  // namespace armorm::text::jinja
