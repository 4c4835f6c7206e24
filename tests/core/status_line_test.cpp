// A progress line where there is no terminal: lines in the log, at intervals.
#include "core/status_line.h"

#include <string>
#include <vector>

#include "core/log.h"
#include "core/progress.h"
#include "support/test_support.h"

using namespace armorm;

namespace {

class CapturedLines {
 public:
  CapturedLines() {
    log::set_sink([this](log::Level, std::string_view message) { lines.emplace_back(message); });
  }
  ~CapturedLines() { log::set_sink({}); }
  std::vector<std::string> lines;
};

}  // namespace

TEST_CASE("a line is due when its interval is over", "[unit]") {
  const CapturedLines log;
  StatusLine often(std::chrono::seconds(0)), seldom(std::chrono::hours(1));
  CHECK(often.due());
  CHECK_FALSE(seldom.due());
  often.show("half");
  often.finish("all");  // only a line that was drawn stays
  CHECK(log.lines == std::vector<std::string>{"half"});
}

TEST_CASE("a batch log gets no line of progress in the first minute", "[unit]") {
  const CapturedLines log;
  {
    Progress progress("rows", 1000);
    for (int i = 0; i < 1000; ++i) progress.advance(1, 10);
  }
  CHECK(log.lines.empty());
}
