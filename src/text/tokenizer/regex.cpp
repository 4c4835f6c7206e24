#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/tokenizer/regex.h"

#include <pcre2.h>

#include "core/error.h"
#include "text/tokenizer/unicode16.h"

namespace armorm::text::tokenizer {
namespace {

// White_Space; PCRE2's own \s also has U+180E.
constexpr std::string_view kSpaces =
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}"
    "\\x{202f}\\x{205f}\\x{3000}";

struct Escape {
  std::string items;  // items of a character class; empty: keep the escape
  bool negated = false;
  std::size_t size = 2;  // bytes of the pattern
};

Escape read_escape(std::string_view p, std::size_t i) {
  switch (p[i + 1]) {
    case 's':
      return {std::string(kSpaces), false};
    case 'S':
      return {std::string(kSpaces), true};
    case 'w':
      return {"\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{200c}\\x{200d}" + newer_letters() + newer_marks() +
                  newer_digits(),
              false};
    case 'd':
      return {"\\p{Nd}" + newer_digits(), false};
    case 'p':
    case 'P':
      break;
    default:
      return {};
  }
  const std::string_view name = p.substr(i + 2, 3);
  const bool negated = p[i + 1] == 'P';
  if (name == "{L}") return {"\\p{L}" + newer_letters(), negated, 5};
  if (name == "{N}") return {"\\p{N}" + newer_numbers(), negated, 5};
  if (name == "{M}") return {"\\p{M}" + newer_marks(), negated, 5};
  return {};
}

// Expands \s, \w, \d, \p{L}, \p{N}, \p{M} to the classes that `tokenizers` uses.
std::string translate(std::string_view p) {
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (p[i] != '\\' || i + 1 == p.size()) {
      if (p[i] == '[') in_class = true;
      if (p[i] == ']') in_class = false;
      out.push_back(p[i]);
      continue;
    }
    const Escape escape = read_escape(p, i);
    if (escape.items.empty() || (escape.negated && in_class)) {
      out += p.substr(i, 2);
      ++i;
      continue;
    }
    if (in_class) {
      out += escape.items;
    } else {
      out += (escape.negated ? "[^" : "[") + escape.items + "]";
    }
    i += escape.size - 1;
  }
  return out;
}

struct FreeMatch {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

}  // namespace

struct Regex::Code {
  pcre2_code* code = nullptr;
  bool jit = false;
  ~Code() { pcre2_code_free(code); }
};

namespace {

std::string compile(const std::string& pattern, pcre2_code*& code, bool& jit) {
  const std::string translated = translate(pattern);
  int error = 0;
  PCRE2_SIZE at = 0;
  code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                       PCRE2_UTF | PCRE2_UCP, &error, &at, nullptr);
  if (code != nullptr) {
    jit = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
    return {};
  }
  PCRE2_UCHAR message[256];
  pcre2_get_error_message(error, message, sizeof message);
  return reinterpret_cast<const char*>(message);
}

}  // namespace

Regex::Regex(const std::string& pattern, const JsonView& where) : code_(std::make_unique<Code>()) {
  const std::string error = compile(pattern, code_->code, code_->jit);
  if (!error.empty()) where.fail("\"" + pattern + "\" (" + error + ")", "a regular expression");
}

Regex::Regex(const std::string& pattern) : code_(std::make_unique<Code>()) {
  const std::string error = compile(pattern, code_->code, code_->jit);
  if (!error.empty()) fail_internal("pattern {}: {}", pattern, error);
}

Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

std::vector<Span> Regex::find_all(std::string_view text) const {
  std::vector<Span> spans;
  const std::unique_ptr<pcre2_match_data, FreeMatch> data(pcre2_match_data_create(1, nullptr));
  if (!data) fail_internal("out of memory for a pattern match");
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  for (std::size_t at = 0; at <= text.size();) {
    int rc = pcre2_match(code_->code, subject, text.size(), at, PCRE2_NO_UTF_CHECK, data.get(), nullptr);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) {
      rc = pcre2_match(code_->code, subject, text.size(), at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data.get(),
                       nullptr);
    }
    if (rc == PCRE2_ERROR_NOMATCH) break;
    if (rc < 0)
      fail_data("tokenizer.json: a pattern gave up on a text of {} bytes (PCRE2 error {})", text.size(), rc);
    const PCRE2_SIZE* ovector = pcre2_get_ovector_pointer(data.get());
    const Span span{ovector[0], ovector[1]};
    const bool repeated_empty = span.begin == span.end && !spans.empty() && spans.back().end == span.begin;
    if (!repeated_empty) spans.push_back(span);
    at = span.end;
    if (span.begin != span.end) continue;
    at += at < text.size() ? decode_utf8(text, at).size : 1;
  }
  return spans;
}

}  // namespace armorm::text::tokenizer
