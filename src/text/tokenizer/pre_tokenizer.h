// The pre-tokenizers of tokenizer.json: split a text into the words for BPE.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer/json_view.h"
#include "text/tokenizer/pre_tokenizer_fast.h"

namespace armorm::text::tokenizer {

struct Piece {
  std::string text;
  bool at_origin = false;  // starts at the start of the complete input
};

class PreTokenizerStep {
 public:
  virtual ~PreTokenizerStep() = default;
  virtual void apply(const Piece& piece, std::vector<Piece>& out) const = 0;
};

class PreTokenizer {
 public:
  // A null field leaves the text unsplit. data error that names an unsupported type.
  static PreTokenizer read(const JsonView& view);

  // True when the last step is ByteLevel: words are raw bytes that represent its alphabet.
  bool byte_level() const { return byte_level_; }
  bool has_fast_path() const { return fast_.has_value(); }
  void disable_fast_path() { fast_.reset(); }  // for tests: the same result through PCRE2

  // Calls sink(std::string_view) for each word in order.
  template <class Sink>
  void split(std::string_view text, bool at_origin, Sink&& sink) const {
    if (text.empty()) return;
    if (fast_) {
      const FastScanner scanner(*fast_, text);
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = scanner.next(at);
        sink(text.substr(at, end - at));
        at = end;
      }
      return;
    }
    if (steps_.empty()) return sink(text);
    for (const Piece& piece : split_slow(text, at_origin)) sink(std::string_view(piece.text));
  }

 private:
  std::vector<Piece> split_slow(std::string_view text, bool at_origin) const;
  void add(const JsonView& view);
  void add_split(const JsonView& view);
  void add_byte_level(const JsonView& view);
  void add_metaspace(const JsonView& view);

  std::vector<std::unique_ptr<PreTokenizerStep>> steps_;
  bool byte_level_ = false;
  std::optional<FastScanner::Kind> fast_;
  std::optional<FastScanner::Kind> candidate_;  // a known pattern, if it is the only step so far
};

}  // namespace armorm::text::tokenizer
