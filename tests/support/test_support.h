// Shared by all tests: paths, a scratch folder, and reported skips.
#pragma once

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <string_view>

namespace armorm::test {

// The checkout ($ARMORM_SOURCE_DIR, else the one of the build), and the folder of the built programs.
// Compiled into one source, so that the compiler cache serves the others in every checkout.
std::filesystem::path source_dir();
std::filesystem::path bin_dir();

// tests/goldens/<name>: files made by scripts/goldens with third-party software.
std::filesystem::path golden(std::string_view name);
// The shared folder next to the checkout with the real tokenizer and the real preference pairs
// ($ARMORM_SHARED, else ../shared); empty if it does not exist.
std::filesystem::path shared_dir();

// Prints "skipped: <test>: <reason>"; scripts/test.sh counts these lines.
void report_skip(const std::string& reason);

// A folder that is removed with its content at the end of the scope.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace armorm::test

#define ARMORM_SKIP(reason)              \
  do {                                   \
    ::armorm::test::report_skip(reason); \
    return;                              \
  } while (false)
