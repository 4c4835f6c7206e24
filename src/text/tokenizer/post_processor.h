// Post-processor (adds ids around a text) and decoder (tokens to text) of tokenizer.json.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "text/tokenizer/json_view.h"
#include "text/tokenizer/regex.h"

namespace armorm::text::tokenizer {

struct PostProcessor {
  std::vector<std::int32_t> before, after;  // around the single sequence
  static PostProcessor read(const JsonView& view);
};

class Decoder {
 public:
  static Decoder read(const JsonView& view);
  std::string decode(std::vector<std::string> tokens) const;

 private:
  enum class Kind { byte_level, byte_fallback, fuse, replace, replace_regex, strip, metaspace };
  struct Step {
    Kind kind;
    std::string from, to;  // strip: `from` is the character
    std::size_t start = 0, stop = 0;
    bool prepended = false;
    std::vector<Regex> regex;
  };
  void add(const JsonView& view);
  static void add_replace(const JsonView& view, Step& step);
  static std::vector<std::string> apply(const Step& step, std::vector<std::string> tokens);

  std::vector<Step> steps_;
  bool any_ = false;
};

}  // namespace armorm::text::tokenizer
