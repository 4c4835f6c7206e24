#include "text/tokenizer/normalizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <functional>

#include "core/error.h"
#include "text/tokenizer/component.h"
#include "text/tokenizer/limits.h"
#include "text/tokenizer/regex.h"
#include "text/tokenizer/unicode16.h"

namespace armorm::text::tokenizer {
namespace {

// Builds the output of a normalizer in pieces.
class Builder {
 public:
  explicit Builder(const TrackedText& in) : in_(in) {}
  // `text` replaces bytes [begin, end) of the input: it counts as data if any of them does.
  void put(std::string_view text, std::size_t begin, std::size_t end) {
    check_grown(out_.text.size(), text.size());
    out_.text += text;
    if (in_.from_data.empty()) return;
    const auto first = in_.from_data.begin();
    const bool data =
        std::find(first + static_cast<std::ptrdiff_t>(begin), first + static_cast<std::ptrdiff_t>(end), 1) !=
        first + static_cast<std::ptrdiff_t>(end);
    out_.from_data.resize(out_.text.size(), data ? 1 : 0);
  }
  void copy(std::size_t begin, std::size_t end) {
    out_.text.append(in_.text, begin, end - begin);
    if (in_.from_data.empty()) return;
    const auto first = in_.from_data.begin();
    out_.from_data.insert(out_.from_data.end(), first + static_cast<std::ptrdiff_t>(begin),
                          first + static_cast<std::ptrdiff_t>(end));
  }
  TrackedText take() { return std::move(out_); }

 private:
  const TrackedText& in_;
  TrackedText out_;
};

class Prepend : public Normalizer {
 public:
  explicit Prepend(std::string content) : content_(std::move(content)) {}
  void apply(TrackedText& text) const override {
    if (text.text.empty()) return;
    check_grown(text.text.size(), content_.size());
    text.text.insert(0, content_);
    if (!text.from_data.empty()) text.from_data.insert(text.from_data.begin(), content_.size(), 0);
  }

 private:
  std::string content_;
};

class ReplaceString : public Normalizer {
 public:
  ReplaceString(std::string from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}
  void apply(TrackedText& text) const override {
    std::size_t found = text.text.find(from_);
    if (found == std::string::npos) return;
    Builder out(text);
    std::size_t at = 0;
    for (; found != std::string::npos; found = text.text.find(from_, at)) {
      out.copy(at, found);
      out.put(to_, found, found + from_.size());
      at = found + from_.size();
    }
    out.copy(at, text.text.size());
    text = out.take();
  }

 private:
  std::string from_, to_;
};

class ReplaceRegex : public Normalizer {
 public:
  ReplaceRegex(Regex from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}
  void apply(TrackedText& text) const override {
    Builder out(text);
    std::size_t at = 0;
    for (const Span span : from_.find_all(text.text)) {
      out.copy(at, span.begin);
      out.put(to_, span.begin, span.end);
      at = span.end;
    }
    out.copy(at, text.text.size());
    text = out.take();
  }

 private:
  Regex from_;
  std::string to_;
};

class Strip : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  void apply(TrackedText& text) const override {
    std::size_t begin = 0;
    std::size_t end = text.text.size();
    while (left_ && begin < end) {
      const CodePoint c = decode_utf8(text.text, begin);
      if (!is_white_space(c.value)) break;
      begin += c.size;
    }
    while (right_ && end > begin) {
      const std::size_t last = previous_char(text.text, end);
      if (!is_white_space(decode_utf8(text.text, last).value)) break;
      end = last;
    }
    if (begin == 0 && end == text.text.size()) return;
    Builder out(text);
    out.copy(begin, end);
    text = out.take();
  }

 private:
  bool left_, right_;
};

// Maps one character to any number of characters.
class PerChar : public Normalizer {
 public:
  using Map = std::function<void(std::string&, char32_t)>;
  explicit PerChar(Map map) : map_(std::move(map)) {}
  void apply(TrackedText& text) const override {
    Builder out(text);
    std::string mapped;
    for (std::size_t i = 0; i < text.text.size();) {
      const CodePoint c = decode_utf8(text.text, i);
      mapped.clear();
      map_(mapped, c.value);
      out.put(mapped, i, i + c.size);
      i += c.size;
    }
    text = out.take();
  }

 private:
  Map map_;
};

// NFC, NFD, NFKC, NFKD.
class UnicodeForm : public Normalizer {
 public:
  UnicodeForm(bool compose, bool compatibility)
      : options_((compose ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) | UTF8PROC_STABLE |
                 (compatibility ? UTF8PROC_COMPAT : 0)),
        // Everything below U+0300 is its own NFC; only ASCII is unchanged in the other forms.
        first_active_byte_(compose && !compatibility ? 0xcc : 0x80) {}

  void apply(TrackedText& text) const override {
    const auto active = [&](char c) { return static_cast<unsigned char>(c) >= first_active_byte_; };
    if (std::none_of(text.text.begin(), text.text.end(), active)) return;
    Builder out(text);
    const std::string_view in = text.text;
    for (std::size_t i = 0; i < in.size();) {
      const std::size_t end = unit_end(in, i, !text.from_data.empty());
      if (is_inert_in_normalization(decode_utf8(in, i).value) || is_ascii(in.substr(i, end - i))) {
        out.copy(i, end);
      } else {
        out.put(map(in.substr(i, end - i)), i, end);
      }
      i = end;
    }
    text = out.take();
  }

 private:
  // End of a run that normalizes independently: runs end at inert characters and, where provenance matters,
  // before every ASCII character (none of them composes with its predecessor).
  static std::size_t unit_end(std::string_view in, std::size_t begin, bool fine) {
    const CodePoint first = decode_utf8(in, begin);
    std::size_t i = begin + first.size;
    if (is_inert_in_normalization(first.value)) return i;
    while (i < in.size()) {
      const CodePoint c = decode_utf8(in, i);
      if (is_inert_in_normalization(c.value) || (fine && c.value < 0x80)) break;
      i += c.size;
    }
    return i;
  }
  std::string map(std::string_view in) const {
    utf8proc_uint8_t* mapped = nullptr;
    const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(in.data()),
                                   static_cast<utf8proc_ssize_t>(in.size()), &mapped,
                                   static_cast<utf8proc_option_t>(options_));
    if (size < 0) fail_internal("Unicode normalization failed: {}", utf8proc_errmsg(size));
    const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
    return {reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size)};
  }

  int options_;
  unsigned first_active_byte_;
};

class Chain : public Normalizer {
 public:
  explicit Chain(std::vector<std::unique_ptr<Normalizer>> steps) : steps_(std::move(steps)) {}
  void apply(TrackedText& text) const override {
    for (const auto& step : steps_) step->apply(text);
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> steps_;
};

std::unique_ptr<Normalizer> read_chain(const JsonView& view) {
  view.account({"type", "normalizers"});
  const JsonView list = view.at("normalizers");
  std::vector<std::unique_ptr<Normalizer>> steps;
  for (std::size_t i = 0; i < list.array().size(); ++i) {
    if (auto step = Normalizer::read(list.at(i))) steps.push_back(std::move(step));
  }
  return std::make_unique<Chain>(std::move(steps));
}

std::unique_ptr<Normalizer> read_replace(const JsonView& view) {
  view.account({"type", "pattern", "content"});
  const auto [pattern, is_literal] = read_pattern(view);
  std::string content = view.at("content").string();
  if (is_literal) return std::make_unique<ReplaceString>(pattern.string(), std::move(content));
  return std::make_unique<ReplaceRegex>(Regex(pattern.string(), pattern), std::move(content));
}

void drop_nonspacing(std::string& out, char32_t c) {
  if (!is_nonspacing_mark(c)) append_utf8(out, c);
}

// Those without further fields; null for others.
std::unique_ptr<Normalizer> plain_normalizer(const std::string& type) {
  if (type == "NFC") return std::make_unique<UnicodeForm>(true, false);
  if (type == "NFD") return std::make_unique<UnicodeForm>(false, false);
  if (type == "NFKC") return std::make_unique<UnicodeForm>(true, true);
  if (type == "NFKD") return std::make_unique<UnicodeForm>(false, true);
  if (type == "Lowercase") return std::make_unique<PerChar>(append_lowercase);
  if (type == "StripAccents") return std::make_unique<PerChar>(drop_nonspacing);
  return nullptr;
}

std::unique_ptr<Normalizer> read_prepend(const JsonView& view) {
  view.account({"type", "prepend"});
  return std::make_unique<Prepend>(view.at("prepend").string());
}

std::unique_ptr<Normalizer> read_strip(const JsonView& view) {
  view.account({"type", "strip_left", "strip_right"});
  return std::make_unique<Strip>(view.boolean_or("strip_left", true), view.boolean_or("strip_right", true));
}

}  // namespace

std::unique_ptr<Normalizer> Normalizer::read(const JsonView& view) {
  if (view.raw().is_null()) return nullptr;
  const std::string type = view.type();
  if (type == "Sequence") return read_chain(view);
  if (type == "Prepend") return read_prepend(view);
  if (type == "Replace") return read_replace(view);
  if (type == "Strip") return read_strip(view);
  auto plain = plain_normalizer(type);
  if (plain == nullptr) view.unsupported("the normalizer \"" + type + "\"");
  view.account({"type"});
  return plain;
}

}  // namespace armorm::text::tokenizer
