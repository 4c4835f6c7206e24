#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/tokenizer/regex.h"

#include <fmt/core.h>
#include <pcre2.h>

#include <algorithm>
#include <cstdint>
#include <ctime>

#include "core/error.h"
#include "core/strings.h"
#include "text/tokenizer/limits.h"
#include "text/tokenizer/oniguruma.h"
#include "text/tokenizer/unicode16.h"

namespace armorm::text::tokenizer {
namespace {

struct Free {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

}  // namespace

struct Regex::Code {
  pcre2_code* code = nullptr;
  bool jit = false;
  std::string name;  // for messages: the pattern and its place
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
  code_->name = where.origin() + ": " + where.path() + ": the regular expression \"" + shown(pattern) + "\"";
  if (!error.empty()) where.fail("\"" + shown(pattern) + "\" (" + error + ")", "a regular expression");
}

Regex::Regex(const std::string& pattern) : code_(std::make_unique<Code>()) {
  const std::string error = compile(pattern, code_->code, code_->jit);
  code_->name = "the regular expression \"" + shown(pattern) + "\"";
  if (!error.empty()) fail_internal("pattern {}: {}", pattern, error);
}

Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

namespace {

double thread_seconds() {
  std::timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

// The matches of one text. A match is tried with few steps, which nearly all need, and then with ten times as
// many and so on, out of an amount for the complete text. PCRE2 does not count the characters that a repeat
// of one class passes: for those there is a limit of time, far above what any other pattern takes.
class Regex::Matcher {
 public:
  Matcher(const Code& code, std::string_view text)
      : code_(code),
        text_(text),
        data_(pcre2_match_data_create(1, nullptr)),
        context_(pcre2_match_context_create(nullptr)),
        steps_left_(kMatchSteps + kMatchStepsPerByte * text.size()),
        seconds_(kMatchSeconds + kMatchSecondsPerByte * static_cast<double>(text.size())) {
    if (!data_ || !context_) fail_internal("out of memory for a pattern match");
  }

  // The first match that begins at `at` or later; false if there is none.
  bool find(std::size_t at, Span& span) {
    if (++calls_ % kCallsPerCheck == 0) check_time();
    int rc = attempt(at, kFirstSteps);
    for (std::uint64_t steps = 10 * kFirstSteps; rc == PCRE2_ERROR_MATCHLIMIT; steps *= 10) {
      check_time();
      steps = std::min(steps, steps_left_);
      if (steps <= kFirstSteps)
        give_up(fmt::format("takes too many steps on a text of {} bytes", text_.size()));
      steps_left_ -= steps;
      rc = attempt(at, steps);
    }
    if (rc == PCRE2_ERROR_NOMATCH) return false;
    if (rc < 0) give_up(fmt::format("gave up on a text of {} bytes (PCRE2 error {})", text_.size(), rc));
    const PCRE2_SIZE* ovector = pcre2_get_ovector_pointer(data_.get());
    span = {ovector[0], ovector[1]};
    if (span.begin < at || span.end < span.begin)
      give_up("has a match that begins after its end or before the last match");
    return true;
  }

 private:
  static constexpr std::uint64_t kFirstSteps = 1000;
  static constexpr std::uint64_t kInterpreted = 8;  // a step costs as many of the compiled code
  static constexpr std::uint64_t kCallsPerCheck = 128;

  int attempt(std::size_t at, std::uint64_t steps) {
    const int rc = call(at, code_.jit ? steps : steps / kInterpreted, PCRE2_NO_UTF_CHECK);
    if (rc != PCRE2_ERROR_JIT_STACKLIMIT) return rc;
    return call(at, steps / kInterpreted, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT);
  }

  int call(std::size_t at, std::uint64_t steps, std::uint32_t options) {
    pcre2_set_match_limit(context_.get(),
                          static_cast<std::uint32_t>(std::min<std::uint64_t>(steps, UINT32_MAX)));
    return pcre2_match(code_.code, reinterpret_cast<PCRE2_SPTR>(text_.data()), text_.size(), at, options,
                       data_.get(), context_.get());
  }

  void check_time() {
    const double now = thread_seconds();
    if (started_ < 0) started_ = now;
    if (now - started_ > seconds_) give_up(fmt::format("takes too long on a text of {} bytes", text_.size()));
  }

  [[noreturn]] void give_up(const std::string& what) const {
    fail_data("{} {}; drop the row, or write the expression so that it tries fewer ways", code_.name, what);
  }

  const Code& code_;
  std::string_view text_;
  std::unique_ptr<pcre2_match_data, Free> data_;
  std::unique_ptr<pcre2_match_context, Free> context_;
  std::uint64_t steps_left_;
  std::uint64_t calls_ = 0;
  double seconds_;
  double started_ = -1;  // read at the first check: most texts have none
};

std::vector<Span> Regex::find_all(std::string_view text) const {
  std::vector<Span> spans;
  if (text.empty()) return spans;  // as `tokenizers` does
  Matcher matcher(*code_, text);
  Span span;
  for (std::size_t at = 0; at <= text.size() && matcher.find(at, span);) {
    const bool repeated_empty = span.begin == span.end && !spans.empty() && spans.back().end == span.begin;
    if (!repeated_empty) spans.push_back(span);
    at = span.end;
    if (span.begin != span.end) continue;
    at += at < text.size() ? decode_utf8(text, at).size : 1;
  }
  return spans;
}

}  // namespace armorm::text::tokenizer
