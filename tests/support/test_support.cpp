#include "support/test_support.h"

#include <cstdio>
#include <cstdlib>

namespace armorm::test {
namespace fs = std::filesystem;

fs::path source_dir() {
  const char* named = std::getenv("ARMORM_SOURCE_DIR");
  return named != nullptr ? named : ARMORM_SOURCE_DIR;
}

fs::path bin_dir() { return ARMORM_BIN_DIR; }

fs::path golden(std::string_view name) { return source_dir() / "tests" / "goldens" / name; }

fs::path shared_dir() {
  const char* named = std::getenv("ARMORM_SHARED");
  const fs::path path = named != nullptr ? fs::path(named) : source_dir() / ".." / "shared";
  return fs::is_directory(path) ? fs::canonical(path) : fs::path();
}

void report_skip(const std::string& reason) {
  // Not std::cerr: the XML reporter captures it for its report.
  std::fprintf(stderr, "skipped: %s: %s\n", Catch::getResultCapture().getCurrentTestName().c_str(),
               reason.c_str());
}

TempDir::TempDir() {
  std::string pattern = (fs::temp_directory_path() / "armorm-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed for " + pattern);
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace armorm::test
