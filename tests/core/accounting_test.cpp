#include "core/accounting.h"

#include <array>
#include <catch2/catch.hpp>
#include <string_view>
#include <vector>

#include "armorm/log.h"
#include "support/error_of.h"

namespace armorm {
namespace {

// The warnings of `run`.
template <class Run>
std::vector<std::string> warnings_of(const Run& run) {
  std::vector<std::string> lines;
  log::set_sink([&](log::Level level, std::string_view line) {
    if (level == log::Level::warn) lines.emplace_back(line);
  });
  run();
  log::set_sink({});
  return lines;
}

Accounting example() {
  constexpr std::array<std::string_view, 2> kHarmless{"comment", "licence"};
  Accounting account("dir/card.json", "field");
  account.use("rows");
  account.ignore(kHarmless);
  return account;
}

}  // namespace

TEST_CASE("used and harmless names leave no rest", "[unit]") {
  Accounting account = example();
  account.give("rows");
  account.give("comment", 7);
  CHECK(account.rest().empty());
  CHECK(warnings_of([&] { account.warn_of_rest("they are not used"); }).empty());
  CHECK_NOTHROW(account.refuse_rest("remove them"));
}

TEST_CASE("an unknown name is refused, or warned of once with its count", "[unit]") {
  Accounting account = example();
  account.give("rows");
  account.give("tool_calls", 2);
  account.give("tool_calls");
  account.give("name");
  const std::vector<std::string> warnings = warnings_of([&] { account.warn_of_rest("they are not used"); });
  REQUIRE(warnings.size() == 1);
  CHECK(warnings.front() ==
        "dir/card.json: fields 'name', 'tool_calls' (3 times): not known here; they are not used");
  CHECK(test::error_of([&] { account.refuse_rest("remove them"); }, ErrorKind::data) ==
        "dir/card.json: fields 'name', 'tool_calls' (3 times): not known here; remove them");
}

TEST_CASE("a message on unknown names stays one readable line", "[unit]") {
  Accounting account("config.json", "field");
  account.give("line\nbreak" + std::string(200, 'x'));
  for (int i = 0; i < 30; ++i) account.give("name" + std::to_string(i));
  const std::string message = test::error_of([&] { account.refuse_rest("remove them"); }, ErrorKind::data);
  CHECK(message.find('\n') == std::string::npos);
  CHECK(message.size() < 500);
  CHECK_THAT(message, Catch::Contains("line?break") && Catch::Contains("and 11 more"));
}

}  // namespace armorm
