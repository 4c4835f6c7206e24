#include "stages/serving/api_keys.h"

#include <fstream>

#include "support/error_of.h"
#include "support/log_capture.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::serving;
using namespace armorm::test;
using Catch::Matchers::Contains;

namespace {

struct KeyFile {
  TempDir dir;
  std::filesystem::path path = dir / "keys";
  explicit KeyFile(const std::string& text) { write(text); }
  void write(const std::string& text) const { std::ofstream(path) << text; }
};

}  // namespace

TEST_CASE("without a file of keys everybody is allowed", "[unit]") {
  const ApiKeys keys;
  CHECK(keys.allows(""));
  CHECK(keys.allows("Bearer anything"));
}

TEST_CASE("the keys of the file are allowed as bearer tokens", "[unit]") {
  const KeyFile file("# of the trainer\nkey-0123456789abcdef\n\n  second-0123456789 \r\n");
  const ApiKeys keys(file.path);
  CHECK(keys.allows("Bearer key-0123456789abcdef"));
  CHECK(keys.allows("bearer  second-0123456789"));
  for (const char* wrong : {"", "Bearer", "Bearer ", "key-0123456789abcdef", "Basic key-0123456789abcdef",
                            "Bearer key-0123456789abcde", "Bearer key-0123456789abcdef0",
                            "Bearer # of the trainer", "Bearer key-0123456789abcdeF"}) {
    CAPTURE(wrong);
    CHECK_FALSE(keys.allows(wrong));
  }
}

TEST_CASE("a file without usable keys is an error that does not show them", "[unit]") {
  for (const char* text :
       {"", "# nothing\n", "short-key\n", "a key with spaces in it\n", "key-0123456789abcd\xc3\xa9\n"}) {
    CAPTURE(text);
    const KeyFile file(text);
    const std::string message = error_of([&] { ApiKeys{file.path}; }, ErrorKind::usage);
    CHECK_THAT(message, Contains("--api_key_file") && !Contains("short-key") && !Contains("a key with"));
  }
  CHECK_THAT(error_of([] { ApiKeys{"/nowhere/keys"}; }, ErrorKind::io), Contains("/nowhere/keys"));
}

TEST_CASE("keys are read again, and stay when the new file is not usable", "[unit]") {
  const KeyFile file("first-0123456789abcdef\n");
  ApiKeys keys(file.path);
  file.write("second-0123456789abcdef\n");
  CHECK(keys.allows("Bearer first-0123456789abcdef"));
  std::vector<std::string> log;
  const LogCapture capture(log);
  keys.reload();
  CHECK_FALSE(keys.allows("Bearer first-0123456789abcdef"));
  CHECK(keys.allows("Bearer second-0123456789abcdef"));
  file.write("");
  keys.reload();
  CHECK(keys.allows("Bearer second-0123456789abcdef"));
  REQUIRE_FALSE(log.empty());
  for (const std::string& line : log) CHECK_THAT(line, !Contains("0123456789abcdef"));
}
