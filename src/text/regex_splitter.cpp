#include "text/regex_splitter.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "armorm/core/error.h"

namespace armorm {
namespace {

constexpr const char* kWhitespace =
    R"(\x09-\x0d\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

std::string pcre2_message(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof(buffer));
  return reinterpret_cast<const char*>(buffer);
}

}  // namespace

struct RegexSplitter::Impl {
  pcre2_code* code = nullptr;
  ~Impl() { pcre2_code_free(code); }
};

std::string with_unicode_whitespace(const std::string& pattern) {
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char next = pattern[++i];
      if (next == 's') out += in_class ? std::string(kWhitespace) : "[" + std::string(kWhitespace) + "]";
      else if (next == 'S' && !in_class) out += "[^" + std::string(kWhitespace) + "]";
      else out += std::string("\\") + next;
      continue;
    }
    if (c == '[') in_class = true;
    if (c == ']') in_class = false;
    out += c;
  }
  return out;
}

RegexSplitter::RegexSplitter(const std::string& pattern, const std::string& origin) : impl_(std::make_unique<Impl>()) {
  const std::string translated = with_unicode_whitespace(pattern);
  int error = 0;
  PCRE2_SIZE at = 0;
  impl_->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(), PCRE2_UTF | PCRE2_UCP,
                              &error, &at, nullptr);
  if (impl_->code == nullptr)
    fail_data("{}: the pattern '{}' is not accepted by PCRE2: {}", origin, pattern, pcre2_message(error));
  pcre2_jit_compile(impl_->code, PCRE2_JIT_COMPLETE);  // without JIT the interpreter does the same
}

RegexSplitter::~RegexSplitter() = default;
RegexSplitter::RegexSplitter(RegexSplitter&&) noexcept = default;

void RegexSplitter::split(std::string_view text, const std::function<void(std::string_view)>& piece) const {
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
      pcre2_match_data_create_from_pattern(impl_->code, nullptr), &pcre2_match_data_free);
  std::size_t done = 0;
  for (std::size_t from = 0; from < text.size();) {
    const int found = pcre2_match(impl_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                                  from == 0 ? 0 : PCRE2_NO_UTF_CHECK, match.get(), nullptr);
    if (found == PCRE2_ERROR_NOMATCH) break;
    if (found < 0) fail_data("text cannot be split into words: {}", pcre2_message(found));
    const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(match.get());
    if (bounds[1] == bounds[0]) {
      ++from;
      while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xc0) == 0x80) ++from;
      continue;
    }
    if (bounds[0] > done) piece(text.substr(done, bounds[0] - done));
    piece(text.substr(bounds[0], bounds[1] - bounds[0]));
    from = done = bounds[1];
  }
  if (done < text.size()) piece(text.substr(done));
}

}  // namespace armorm
