#include "text/tokenizer/pre_tokenizer.h"

#include <algorithm>

#include "core/error.h"
#include "text/tokenizer/component.h"
#include "text/tokenizer/regex.h"

namespace armorm::text::tokenizer {
namespace {

enum class Behavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

struct Part {
  Span span;
  bool delimiter = false;
};

std::vector<Part> parts_of(const std::vector<Span>& matches, std::size_t size, bool invert) {
  std::vector<Part> parts;
  std::size_t at = 0;
  for (const Span& match : matches) {
    if (at != match.begin) parts.push_back({{at, match.begin}, invert});
    parts.push_back({match, !invert});
    at = match.end;
  }
  if (at != size) parts.push_back({{at, size}, invert});
  return parts;
}

// A delimiter joins its neighbour unless that one has already joined a delimiter.
std::vector<Part> merge_parts(std::vector<Part> parts, bool with_next) {
  if (with_next) std::reverse(parts.begin(), parts.end());
  std::vector<Part> merged;
  bool previous = false;
  for (const Part& part : parts) {
    if (part.delimiter && !previous && !merged.empty()) {
      if (with_next) {
        merged.back().span.begin = part.span.begin;
      } else {
        merged.back().span.end = part.span.end;
      }
    } else {
      merged.push_back({part.span, false});
    }
    previous = part.delimiter;
  }
  if (with_next) std::reverse(merged.begin(), merged.end());
  return merged;
}

std::vector<Part> contiguous_parts(const std::vector<Part>& parts) {
  std::vector<Part> merged;
  bool previous = false;
  for (const Part& part : parts) {
    if (part.delimiter == previous && !merged.empty()) {
      merged.back().span.end = part.span.end;
    } else {
      merged.push_back({part.span, false});
    }
    previous = part.delimiter;
  }
  return merged;
}

void emit(const Piece& piece, std::vector<Part> parts, Behavior behavior, std::vector<Piece>& out) {
  if (behavior == Behavior::merged_with_previous) parts = merge_parts(std::move(parts), false);
  if (behavior == Behavior::merged_with_next) parts = merge_parts(std::move(parts), true);
  if (behavior == Behavior::contiguous) parts = contiguous_parts(parts);
  for (const Part& part : parts) {
    if (part.span.begin == part.span.end || (part.delimiter && behavior == Behavior::removed)) continue;
    out.push_back({piece.text.substr(part.span.begin, part.span.end - part.span.begin),
                   piece.at_origin && part.span.begin == 0});
  }
}

std::vector<Span> find_string(std::string_view text, std::string_view pattern) {
  std::vector<Span> spans;
  for (std::size_t at = text.find(pattern); at != std::string_view::npos;
       at = text.find(pattern, at + pattern.size())) {
    spans.push_back({at, at + pattern.size()});
  }
  return spans;
}

class SplitStep : public PreTokenizerStep {
 public:
  SplitStep(Regex regex, Behavior behavior, bool invert)
      : regex_(std::move(regex)), behavior_(behavior), invert_(invert) {}
  SplitStep(std::string literal, Behavior behavior, bool invert)
      : literal_(std::move(literal)), behavior_(behavior), invert_(invert) {}
  void apply(const Piece& piece, std::vector<Piece>& out) const override {
    const auto spans = regex_ ? regex_->find_all(piece.text) : find_string(piece.text, literal_);
    emit(piece, parts_of(spans, piece.text.size(), invert_), behavior_, out);
  }

 private:
  std::optional<Regex> regex_;
  std::string literal_;
  Behavior behavior_;
  bool invert_;
};

class PrefixSpaceStep : public PreTokenizerStep {
 public:
  void apply(const Piece& piece, std::vector<Piece>& out) const override {
    out.push_back(piece);
    if (!piece.text.starts_with(' ')) out.back().text.insert(0, 1, ' ');
  }
};

class MetaspaceStep : public PreTokenizerStep {
 public:
  enum class Prepend { always, first, never };
  MetaspaceStep(std::string mark, Prepend prepend, bool split)
      : mark_(std::move(mark)), prepend_(prepend), split_(split) {}
  void apply(const Piece& piece, std::vector<Piece>& out) const override {
    Piece marked{{}, piece.at_origin};
    for (const char c : piece.text) {
      if (c == ' ') {
        marked.text += mark_;
      } else {
        marked.text.push_back(c);
      }
    }
    const bool wanted = prepend_ == Prepend::always || (prepend_ == Prepend::first && piece.at_origin);
    if (wanted && !marked.text.starts_with(mark_)) marked.text.insert(0, mark_);
    if (!split_) return out.push_back(std::move(marked));
    emit(marked, parts_of(find_string(marked.text, mark_), marked.text.size(), false),
         Behavior::merged_with_next, out);
  }

 private:
  std::string mark_;
  Prepend prepend_;
  bool split_;
};

Behavior read_behavior(const JsonView& view) {
  const std::string& name = view.string();
  if (name == "Removed") return Behavior::removed;
  if (name == "Isolated") return Behavior::isolated;
  if (name == "MergedWithPrevious") return Behavior::merged_with_previous;
  if (name == "MergedWithNext") return Behavior::merged_with_next;
  if (name == "Contiguous") return Behavior::contiguous;
  view.unsupported("the behavior \"" + name + "\"");
}

std::optional<FastScanner::Kind> known_pattern(std::string_view pattern) {
  if (pattern == kLlama3Pattern) return FastScanner::Kind::llama3;
  if (pattern == kQwen2Pattern) return FastScanner::Kind::qwen2;
  if (pattern == kGpt2Pattern) return FastScanner::Kind::gpt2;
  return std::nullopt;
}

}  // namespace

void PreTokenizer::add_split(const JsonView& view) {
  const Behavior behavior = read_behavior(view.at("behavior"));
  const bool invert = view.boolean_or("invert", false);
  view.account({"type", "pattern", "behavior", "invert"});
  const auto [pattern, is_literal] = read_pattern(view);
  if (is_literal) {
    steps_.push_back(std::make_unique<SplitStep>(pattern.string(), behavior, invert));
    return;
  }
  if (steps_.empty() && behavior == Behavior::isolated && !invert)
    candidate_ = known_pattern(pattern.string());
  steps_.push_back(std::make_unique<SplitStep>(Regex(pattern.string(), pattern), behavior, invert));
}

void PreTokenizer::add_byte_level(const JsonView& view) {
  byte_level_ = true;
  check_byte_level(view);
  const bool prefix = view.boolean_or("add_prefix_space", true);
  const bool use_regex = view.boolean_or("use_regex", true);
  if (!prefix && !use_regex && steps_.size() == 1) fast_ = candidate_;
  if (!prefix && use_regex && steps_.empty()) fast_ = FastScanner::Kind::gpt2;
  if (prefix) steps_.push_back(std::make_unique<PrefixSpaceStep>());
  if (!use_regex) return;
  steps_.push_back(std::make_unique<SplitStep>(Regex(std::string(kGpt2Pattern)), Behavior::isolated, false));
}

void PreTokenizer::add_metaspace(const JsonView& view) {
  using Prepend = MetaspaceStep::Prepend;
  account_for_metaspace(view);
  const std::string mark = view.string_or("replacement", "\xe2\x96\x81");
  const bool old_prefix = view.optional_boolean("add_prefix_space", true);
  const std::string scheme = view.string_or("prepend_scheme", "");
  Prepend prepend = old_prefix ? Prepend::always : Prepend::never;
  if (scheme == "first") {
    prepend = Prepend::first;
  } else if (scheme == "always") {
    prepend = Prepend::always;
  } else if (scheme == "never") {
    prepend = Prepend::never;
  } else if (!scheme.empty()) {
    view.at("prepend_scheme").unsupported("the scheme \"" + scheme + "\"");
  }
  steps_.push_back(std::make_unique<MetaspaceStep>(mark, prepend, view.optional_boolean("split", true)));
}

void PreTokenizer::add(const JsonView& view) {
  const std::string type = view.type();
  // A step after ByteLevel would see its substitute characters.
  if (byte_level_) view.unsupported("the pre-tokenizer \"" + type + "\" after ByteLevel");
  const auto split = [&](const char* pattern, Behavior behavior) {
    steps_.push_back(std::make_unique<SplitStep>(Regex(std::string(pattern)), behavior, false));
  };
  if (type == "Sequence") {
    view.account({"type", "pretokenizers"});
    const JsonView list = view.at("pretokenizers").array();
    for (std::size_t i = 0; i < list.size(); ++i) add(list.at(i));
  } else if (type == "Split") {
    add_split(view);
  } else if (type == "ByteLevel") {
    add_byte_level(view);
  } else if (type == "Metaspace") {
    add_metaspace(view);
  } else if (type == "Digits") {
    view.account({"type", "individual_digits"});
    // is_numeric of a newer Unicode version than that of the patterns: two more scripts.
    split("[\\p{N}\\x{11de0}-\\x{11de9}\\x{16ff4}-\\x{16ff6}]",
          view.boolean_or("individual_digits", false) ? Behavior::isolated : Behavior::contiguous);
  } else if (type == "Whitespace") {
    view.account({"type"});
    split("\\s+", Behavior::removed);
    // \w of the `regex` crate.
    split("[[:alpha:]\\p{M}\\p{Nd}\\p{Pc}\\x{200c}\\x{200d}]+", Behavior::isolated);
  } else if (type == "WhitespaceSplit") {
    view.account({"type"});
    split("\\s", Behavior::removed);
  } else {
    view.unsupported("the pre-tokenizer \"" + type + "\"");
  }
}

PreTokenizer PreTokenizer::read(const JsonView& view) {
  PreTokenizer result;
  if (!view.raw().is_null()) result.add(view);
  return result;
}

std::vector<Piece> PreTokenizer::split_slow(std::string_view text, bool at_origin) const {
  std::vector<Piece> pieces{{std::string(text), at_origin}};
  std::vector<Piece> next;
  for (const auto& step : steps_) {
    next.clear();
    for (const Piece& piece : pieces) step->apply(piece, next);
    pieces.swap(next);
  }
  return pieces;
}

}  // namespace armorm::text::tokenizer
