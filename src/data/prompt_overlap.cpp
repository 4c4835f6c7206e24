#include "data/prompt_overlap.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <functional>
#include <memory>
#include <utility>

#include "core/error.h"
#include "core/utf8.h"

namespace armorm::data {
namespace {

constexpr std::string_view kAsciiPunctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

constexpr char kDeleted = '\0';

// What a byte of ASCII becomes: its lower case, a space, or kDeleted. NUL is kept by the callers.
constexpr std::array<char, 128> make_ascii_map() {
  std::array<char, 128> map{};
  for (std::size_t c = 0; c < map.size(); ++c) {
    const bool upper = c >= 'A' && c <= 'Z';
    map[c] = static_cast<char>(upper ? c - 'A' + 'a' : c);
  }
  // Python's str.split() divides at the four separators 0x1c to 0x1f too.
  for (const char space : {'\t', '\n', '\v', '\f', '\r', '\x1c', '\x1d', '\x1e', '\x1f'}) {
    map[static_cast<unsigned char>(space)] = ' ';
  }
  for (const char mark : kAsciiPunctuation) map[static_cast<unsigned char>(mark)] = kDeleted;
  return map;
}
constexpr std::array<char, 128> kAsciiMap = make_ascii_map();

// Words are appended without the spaces before the first and after the last.
class WordWriter {
 public:
  explicit WordWriter(std::size_t bytes) : out_(bytes, '\0') {}
  void space() noexcept { spaced_ = size_ > 0; }
  void append(char byte) {
    if (size_ + 2 > out_.size()) out_.resize(2 * out_.size() + 2);
    if (spaced_) out_[size_++] = ' ';
    spaced_ = false;
    out_[size_++] = byte;
  }
  void append_ascii(char byte) {
    const char mapped = kAsciiMap[static_cast<unsigned char>(byte)];
    if (mapped == ' ') return space();
    if (mapped != kDeleted || byte == '\0') append(mapped);
  }
  std::string words() && {
    out_.resize(size_);
    return std::move(out_);
  }

 private:
  std::string out_;
  std::size_t size_ = 0;
  bool spaced_ = false;
};

// Case folding and NFC.
std::string folded(std::string_view text) {
  constexpr auto kOptions =
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
  utf8proc_uint8_t* mapped = nullptr;
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                 static_cast<utf8proc_ssize_t>(text.size()), &mapped, kOptions);
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  if (size < 0) fail_data("a prompt cannot be compared: {}", utf8proc_errmsg(size));
  return {reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size)};
}

bool is_punctuation(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

void append_folded(std::string_view run, WordWriter& writer) {
  const std::string text = folded(run);
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    if (c.size == 1) {
      writer.append_ascii(text[at]);
    } else if (is_white_space(c.value)) {
      writer.space();
    } else if (!is_punctuation(c.value)) {
      for (std::size_t i = 0; i < c.size; ++i) writer.append(text[at + i]);
    }
    at += c.size;
  }
}

bool is_ascii_byte(char byte) noexcept { return static_cast<unsigned char>(byte) < 0x80; }

// The finalizer of splitmix64: every bit of the input changes every bit of the output.
std::uint64_t mixed(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31U);
}

std::uint64_t hash_of(std::string_view text) noexcept { return std::hash<std::string_view>()(text); }

constexpr std::uint64_t kBase = 0x9e3779b97f4a7c15ULL;  // odd: of the rolling hash, modulo 2^64

std::uint64_t power(std::uint64_t base, std::size_t exponent) noexcept {
  std::uint64_t result = 1;
  for (; exponent > 0; exponent /= 2, base *= base) {
    if (exponent % 2 == 1) result *= base;
  }
  return result;
}

}  // namespace

// Only what is not ASCII goes through utf8proc, with the character before it, with which it may compose. An
// ASCII character composes with none before it.
std::string normalized_words(std::string_view text) {
  WordWriter writer(text.size());
  for (const auto* at = text.begin(); at != text.end();) {
    const auto* const foreign = std::find_if_not(at, text.end(), is_ascii_byte);
    const auto* const run = foreign == text.end() || foreign == at ? foreign : foreign - 1;
    std::for_each(at, run, [&](char byte) { writer.append_ascii(byte); });
    at = std::find_if(foreign, text.end(), is_ascii_byte);
    if (run != at) append_folded({run, at}, writer);
  }
  return std::move(writer).words();
}

// The n-grams of normalized words, each in constant time.
struct PromptOverlap::Ngrams {
  std::string_view words;
  std::size_t n = 1;

  struct Word {
    std::uint64_t hash = 0;
    std::size_t start = 0;
  };

  // Calls `use(hash, start, end)` for each n-gram, in their order, until it returns true; whether it did.
  template <class Use>
  bool any(const Use& use) const {
    if (static_cast<std::size_t>(std::count(words.begin(), words.end(), ' ')) + 1 < n) return false;
    const std::uint64_t leaving = power(kBase, n);
    std::vector<Word> last(n);  // the word with number k is at k modulo n
    std::size_t count = 0;
    std::uint64_t rolling = 0;
    for (std::size_t start = 0; start < words.size(); ++count) {
      const std::size_t end = std::min(words.find(' ', start), words.size());
      Word& word = last[count % n];
      rolling = rolling * kBase - leaving * word.hash;  // of the first word of the n-gram before; 0 at first
      word = {hash_of(words.substr(start, end - start)), start};
      rolling += word.hash;
      if (count + 1 >= n && use(mixed(rolling), last[(count + 1) % n].start, end)) return true;
      start = end + 1;
    }
    return false;
  }
};

void PromptOverlap::Places::reserve(std::size_t places) {
  if (2 * places <= slots_.size()) return;
  std::vector<Slot> old(std::bit_ceil(2 * places));
  old.swap(slots_);
  filter_.assign(std::max<std::size_t>(slots_.size() * kFilterBits / 64, 1), 0);
  size_ = 0;
  for (const Slot& slot : old) {
    if (slot.at != std::string::npos) insert(slot.hash, slot.at);
  }
}

void PromptOverlap::Places::insert(std::uint64_t hash, std::size_t at) noexcept {
  const std::size_t mask = slots_.size() - 1;
  const std::size_t bit = filter_bit(hash);
  filter_[bit / 64] |= std::uint64_t{1} << (bit % 64);
  std::size_t i = hash & mask;
  while (slots_[i].at != std::string::npos) i = (i + 1) & mask;
  slots_[i] = {hash, at};
  ++size_;
}

template <class Equal>
bool PromptOverlap::Places::contains(std::uint64_t hash, const Equal& equal) const {
  if (slots_.empty()) return false;
  const std::size_t bit = filter_bit(hash);
  if ((filter_[bit / 64] >> (bit % 64) & 1U) == 0) return false;
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = hash & mask; slots_[i].at != std::string::npos; i = (i + 1) & mask) {
    if (slots_[i].hash == hash && equal(slots_[i].at)) return true;
  }
  return false;
}

PromptOverlap::PromptOverlap(std::int64_t ngram) : ngram_(static_cast<std::size_t>(ngram)) {
  if (ngram < 1) fail_usage("n-grams of {} words cannot be compared; use 1 or more", ngram);
}

bool PromptOverlap::has_prompt(std::uint64_t hash, std::string_view words) const {
  return prompts_.contains(hash, [&](std::size_t at) {
    return texts_.compare(at, words.size(), words) == 0 && texts_[at + words.size()] == '\n';
  });
}

// An n-gram ends where its last word does.
bool PromptOverlap::has_ngram(std::uint64_t hash, std::string_view words) const {
  return ngrams_.contains(hash, [&](std::size_t at) {
    if (texts_.compare(at, words.size(), words) != 0) return false;
    const char next = texts_[at + words.size()];
    return next == ' ' || next == '\n';
  });
}

void PromptOverlap::add(std::string_view evaluation_prompt) {
  if (finished_) fail_internal("an evaluation prompt was added after the last");
  const std::string words = normalized_words(evaluation_prompt);
  const std::uint64_t hash = hash_of(words);
  if (words.empty() || has_prompt(hash, words)) return;
  prompts_.reserve(prompts_.size() + 1);
  prompts_.insert(hash, texts_.size());
  texts_ += words;
  texts_ += '\n';
}

void PromptOverlap::finish() {
  finished_ = true;
  for (std::size_t start = 0; start < texts_.size();) {
    const std::size_t end = texts_.find('\n', start);
    const std::string_view words = std::string_view(texts_).substr(start, end - start);
    Ngrams{words, ngram_}.any([&](std::uint64_t hash, std::size_t first, std::size_t last) {
      if (has_ngram(hash, words.substr(first, last - first))) return false;
      ngrams_.reserve(ngrams_.size() + 1);
      ngrams_.insert(hash, start + first);
      return false;
    });
    start = end + 1;
  }
}

PromptOverlap::Match PromptOverlap::find(std::string_view prompt) const {
  if (!finished_) fail_internal("prompts are compared before the last evaluation prompt was added");
  const std::string words = normalized_words(prompt);
  if (words.empty()) return Match::none;
  if (has_prompt(hash_of(words), words)) return Match::exact;
  const bool common = Ngrams{words, ngram_}.any([&](std::uint64_t hash, std::size_t first, std::size_t last) {
    return has_ngram(hash, std::string_view(words).substr(first, last - first));
  });
  return common ? Match::ngram : Match::none;
}

}  // namespace armorm::data
