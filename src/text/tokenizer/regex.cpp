#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/tokenizer/regex.h"

#include <pcre2.h>

#include "core/error.h"
#include "text/tokenizer/oniguruma.h"
#include "text/tokenizer/unicode16.h"

namespace armorm::text::tokenizer {
namespace {

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

struct FreeContext {
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
};

// Returns the error, if any.
std::string compile(const std::string& pattern, pcre2_code*& code, bool& jit) {
  std::string translated;
  try {
    translated = to_pcre2(pattern);
  } catch (const UnknownConstruct& construct) {
    return construct.what();
  }
  const std::unique_ptr<pcre2_compile_context, FreeContext> context(pcre2_compile_context_create(nullptr));
  if (!context) fail_internal("out of memory for a pattern");
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE at = 0;
  code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                       PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &error, &at, context.get());
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
  if (text.empty()) return spans;  // as `tokenizers` does
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
