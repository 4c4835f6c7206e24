// Overlap of training prompts with evaluation prompts (decontamination). The n-grams are those of GPT-3
// (arXiv 2005.14165, appendix C: any common 13-gram of words, ignoring punctuation, white space and case)
// with the words of EleutherAI's lm-evaluation-harness (lm_eval/decontamination/janitor.py: lower case,
// characters of punctuation deleted, split at white space, so that "I'm a--b" is "im ab").
//
// That code knows ASCII alone; here lower case is Unicode's case folding, punctuation is ASCII's
// (string.punctuation of Python) and Unicode's categories P*, white space is Unicode's property, and texts
// are compared in NFC. Of texts in ASCII the words are the same. A text in a script without spaces is few
// words, so most match only exactly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace armorm::data {

// The words of `text`, which must be valid UTF-8, with one space between them.
std::string normalized_words(std::string_view text);

// Every match is verified: two prompts match only if their words are equal, whatever their hashes. Memory is
// the words of the distinct evaluation prompts, and 34 to 68 bytes per distinct n-gram and per distinct
// prompt. find() may be called by several threads at once.
class PromptOverlap {
 public:
  enum class Match : std::uint8_t { none, exact, ngram };

  explicit PromptOverlap(std::int64_t ngram = 13);  // words; usage error below 1

  // A prompt of fewer than `ngram` words is found by exact match alone. One without any word is never found.
  void add(std::string_view evaluation_prompt);
  void finish();  // after the last add(), before the first find()

  // exact: all words are equal. ngram: `ngram` consecutive words are also consecutive in an evaluation
  // prompt.
  Match find(std::string_view prompt) const;

  std::size_t prompts() const noexcept { return prompts_.size(); }  // distinct
  std::size_t ngrams() const noexcept { return ngrams_.size(); }    // distinct, after finish()

 private:
  // Hash table of places in texts_, open addressing, at most half full.
  class Places {
   public:
    std::size_t size() const noexcept { return size_; }
    void reserve(std::size_t places);
    void insert(std::uint64_t hash, std::size_t at) noexcept;  // reserve() came before
    // Whether a place with this hash fulfils `equal(at)`.
    template <class Equal>
    bool contains(std::uint64_t hash, const Equal& equal) const;

   private:
    struct Slot {
      std::uint64_t hash = 0;
      std::size_t at = std::string::npos;  // npos: empty
    };
    static constexpr std::size_t kFilterBits = 8;  // per slot
    std::size_t filter_bit(std::uint64_t hash) const noexcept {
      return (hash >> 32U ^ hash << 16U) & (filter_.size() * 64 - 1);
    }

    std::vector<Slot> slots_;            // none, or a power of two
    std::vector<std::uint64_t> filter_;  // a bit is set for each place; most hashes without one need no slot
    std::size_t size_ = 0;
  };

  struct Ngrams;

  bool has_prompt(std::uint64_t hash, std::string_view words) const;
  bool has_ngram(std::uint64_t hash, std::string_view words) const;

  std::size_t ngram_;
  std::string texts_;  // normalized_words() of each prompt, and a line feed
  Places prompts_;
  Places ngrams_;
  bool finished_ = false;
};

}  // namespace armorm::data
