#include "stages/serving/api_keys.h"

#include <algorithm>
#include <sstream>

#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/strings.h"
#include "io/read_file.h"

namespace armorm::stages::serving {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{1} << 20;
constexpr std::size_t kShortestKey = 16;
constexpr std::string_view kScheme = "bearer ";

bool is_key_character(char c) { return c > ' ' && c < '\x7f'; }

std::vector<std::string> read_digests(const std::filesystem::path& file) {
  std::istringstream lines(io::read_text_file(file, kMaxBytes));
  std::vector<std::string> digests;
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    const std::string_view key = trimmed(line);
    if (key.empty() || key.starts_with('#')) continue;
    if (key.size() < kShortestKey || !std::ranges::all_of(key, is_key_character))
      fail_usage(
          "--api_key_file: {}: line {}: is not a key; expected at least {} ASCII characters without spaces",
          file.string(), number, kShortestKey);
    digests.push_back(sha256_hex(key));
  }
  if (digests.empty()) fail_usage("--api_key_file: {}: holds no key; expected one per line", file.string());
  return digests;
}

// Without an early end.
bool equal_in_constant_time(std::string_view a, std::string_view b) {
  unsigned different = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    different |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  return different == 0;
}

// "" for another scheme.
std::string_view key_of(std::string_view authorization) {
  const std::string_view scheme = authorization.substr(0, kScheme.size());
  const bool bearer = std::ranges::equal(scheme, kScheme, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
  return bearer ? trimmed(authorization.substr(kScheme.size())) : std::string_view();
}

}  // namespace

ApiKeys::ApiKeys(std::filesystem::path file) : file_(std::move(file)), digests_(read_digests(file_)) {}

void ApiKeys::reload() {
  if (file_.empty()) return;
  try {
    std::vector<std::string> digests = read_digests(file_);
    log::info("API keys: {} read from {}", digests.size(), file_.string());
    const std::lock_guard lock(mutex_);
    digests_ = std::move(digests);
  } catch (const Error& error) {
    log::error("the API keys stay as they were: {}", error.what());
  }
}

bool ApiKeys::allows(std::string_view authorization) const {
  if (file_.empty()) return true;
  const std::string digest = sha256_hex(key_of(authorization));
  const std::lock_guard lock(mutex_);
  bool found = false;
  for (const std::string& known : digests_) found |= equal_in_constant_time(digest, known);
  return found;
}

}  // namespace armorm::stages::serving
