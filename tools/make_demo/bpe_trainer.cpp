#include "bpe_trainer.h"

#include <cstdint>
#include <map>

#include "core/utf8.h"

namespace armorm::demo {
namespace {

using Symbols = std::vector<std::string>;
using Pair = std::pair<std::string, std::string>;

// Printable bytes of Latin-1 map to themselves, the others to U+0100 and up.
std::vector<std::string> byte_alphabet() {
  std::vector<std::string> alphabet;
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    append_utf8(alphabet.emplace_back(), printable ? byte : next++);
  }
  return alphabet;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) {
  return static_cast<unsigned char>(c) < 0x80 && is_white_space(static_cast<char32_t>(c));
}

template <class Predicate>
std::size_t run_end(const std::string& text, std::size_t at, Predicate holds) {
  while (at < text.size() && holds(text[at])) ++at;
  return at;
}

// End of the piece that starts at `at`: the ASCII rules of Llama 3's pre-tokenizer. A piece that differs from
// the real one can only cost a useless merge, never a wrong encoding.
std::size_t piece_end(const std::string& text, std::size_t at) {
  const char c = text[at];
  if (is_letter(c)) return run_end(text, at, is_letter);
  if (is_digit(c)) return at + 1;
  const bool newline = c == '\n' || c == '\r';
  if (!newline && at + 1 < text.size() && is_letter(text[at + 1])) return run_end(text, at + 1, is_letter);
  if (is_space(c)) return run_end(text, at, is_space);
  return run_end(text, at, [](char x) { return !is_space(x) && !is_letter(x) && !is_digit(x); });
}

struct Word {
  Symbols symbols;
  std::int64_t count = 0;
};

std::vector<Word> count_words(const std::vector<std::string>& texts,
                              const std::vector<std::string>& alphabet) {
  std::map<std::string, std::int64_t> counts;
  for (const std::string& text : texts)
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = piece_end(text, at);
      ++counts[text.substr(at, end - at)];
      at = end;
    }
  std::vector<Word> words;
  for (const auto& [piece, count] : counts) {
    Word word{{}, count};
    for (const char c : piece) word.symbols.push_back(alphabet[static_cast<unsigned char>(c)]);
    words.push_back(std::move(word));
  }
  return words;
}

Pair most_frequent_pair(const std::vector<Word>& words, std::int64_t& count) {
  std::map<Pair, std::int64_t> counts;
  for (const Word& word : words)
    for (std::size_t i = 0; i + 1 < word.symbols.size(); ++i)
      counts[{word.symbols[i], word.symbols[i + 1]}] += word.count;
  Pair best;
  count = 0;
  for (const auto& [pair, n] : counts)
    if (n > count) {
      best = pair;
      count = n;
    }
  return best;
}

void merge(const Pair& pair, Symbols& symbols) {
  Symbols merged;
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const bool here = i + 1 < symbols.size() && symbols[i] == pair.first && symbols[i + 1] == pair.second;
    merged.push_back(here ? pair.first + pair.second : symbols[i]);
    if (here) ++i;
  }
  symbols = std::move(merged);
}

}  // namespace

BpeMerges train_bpe(const std::vector<std::string>& texts, std::size_t max_merges) {
  BpeMerges result{byte_alphabet(), {}};
  std::vector<Word> words = count_words(texts, result.alphabet);
  while (result.merges.size() < max_merges) {
    std::int64_t count = 0;
    const Pair pair = most_frequent_pair(words, count);
    if (count < 2) break;
    for (Word& word : words) merge(pair, word.symbols);
    result.merges.push_back(pair);
  }
  return result;
}

}  // namespace armorm::demo
