// Which characters and colours an environment allows.
#include "core/terminal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/test_support.h"

using namespace armorm;

namespace {

// Sets environment variables, or unsets those without a value, until the end of the scope.
class Environment {
 public:
  explicit Environment(const std::vector<std::pair<std::string, std::optional<std::string>>>& wanted) {
    for (const auto& [name, value] : wanted) {
      const char* const before = getenv(name.c_str());
      before_.emplace_back(name, before != nullptr ? std::optional<std::string>(before) : std::nullopt);
      assign(name, value);
    }
  }
  ~Environment() {
    for (const auto& [name, value] : before_) assign(name, value);
  }

 private:
  static void assign(const std::string& name, const std::optional<std::string>& value) {
    if (value)
      setenv(name.c_str(), value->c_str(), 1);
    else
      unsetenv(name.c_str());
  }
  std::vector<std::pair<std::string, std::optional<std::string>>> before_;
};

bool utf8_with(std::optional<std::string> all, std::optional<std::string> ctype,
               std::optional<std::string> lang) {
  const Environment environment(
      {{"LC_ALL", std::move(all)}, {"LC_CTYPE", std::move(ctype)}, {"LANG", std::move(lang)}});
  return terminal::uses_utf8();
}

}  // namespace

TEST_CASE("the locale's characters come from LC_ALL, LC_CTYPE and LANG, in this order", "[unit]") {
  CHECK(utf8_with({}, {}, "en_US.UTF-8"));
  CHECK(utf8_with({}, {}, "C.utf8"));
  CHECK(utf8_with({}, {}, "de_DE.UTF-8@euro"));
  CHECK_FALSE(utf8_with("C", "en_US.UTF-8", "en_US.UTF-8"));
  CHECK(utf8_with("", "en_US.UTF-8", "C"));
  CHECK_FALSE(utf8_with({}, "POSIX", "en_US.UTF-8"));
  CHECK_FALSE(utf8_with({}, {}, "de_DE.ISO-8859-1"));
  CHECK_FALSE(utf8_with({}, {}, "en_US"));
  CHECK_FALSE(utf8_with({}, {}, {}));
}

TEST_CASE("colour needs a terminal that knows it, and nobody who objects", "[unit]") {
  const int pty = posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(pty >= 0);
  REQUIRE(grantpt(pty) == 0);
  REQUIRE(unlockpt(pty) == 0);
  const int side = open(ptsname(pty), O_RDWR | O_NOCTTY);
  REQUIRE(side >= 0);
  const int null = open("/dev/null", O_WRONLY);
  {
    const Environment environment({{"TERM", "xterm"}, {"NO_COLOR", {}}});
    CHECK(terminal::uses_color(side));
    CHECK_FALSE(terminal::uses_color(null));
    CHECK_FALSE(terminal::redraws(null));
  }
  {
    const Environment environment({{"TERM", "xterm"}, {"NO_COLOR", "1"}});
    CHECK_FALSE(terminal::uses_color(side));
    CHECK(terminal::redraws(side));
  }
  {
    const Environment environment({{"TERM", "xterm"}, {"NO_COLOR", ""}});
    CHECK(terminal::uses_color(side));
  }
  {
    const Environment environment({{"TERM", "dumb"}, {"NO_COLOR", {}}});
    CHECK_FALSE(terminal::uses_color(side));
    CHECK_FALSE(terminal::redraws(side));
  }
  CHECK(terminal::columns(null, 77) == 77);
  close(null);
  close(side);
  close(pty);
}
