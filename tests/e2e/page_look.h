// Checks that every page of a report must pass, on a phone and on a wide screen, in light and dark. With
// ARMORM_SCREENSHOTS=FOLDER the screenshots are kept there.
#pragma once

#include <fmt/core.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "support/browser.h"
#include "support/test_support.h"

namespace armorm::test {

inline const std::string& probe() {
  static const std::string script = io::read_text_file(source_dir() / "tests" / "e2e" / "report_probe.js");
  return script;
}

// Result of the probe for the page on this screen, after checks that apply to every page and screen.
inline nlohmann::json look(Browser& browser, const std::filesystem::path& page, const View& view) {
  browser.open(page, view);
  const nlohmann::json seen = browser.evaluate(probe());
  INFO(page.filename().string() << " at " << view.width << (view.dark ? ", dark" : ", light") << ", "
                                << view.media);
  CHECK(seen["width"] == view.width);
  CHECK(seen["scroll_width"].get<int>() <= view.width);
  CHECK(seen["sticking_out"] == nlohmann::json::array());
  CHECK(seen["squeezed"] == nlohmann::json::array());
  CHECK(seen["faint"] == nlohmann::json::array());
  CHECK(seen["texts"].get<int>() > 20);
  CHECK(seen["repeated_ids"] == nlohmann::json::array());
  CHECK(seen["nameless"] == nlohmann::json::array());
  CHECK(seen["headless_rows"] == 0);
  CHECK(seen["scripts"] == 0);
  CHECK(seen["loaded"] == nlohmann::json::array());
  CHECK(browser.requests().empty());
  CHECK(browser.complaints().empty());
  if (const char* folder = std::getenv("ARMORM_SCREENSHOTS")) {
    const std::string name = fmt::format("{}-{}-{}-{}.png", page.stem().string(), view.width,
                                         view.dark ? "dark" : "light", view.media);
    write_text(std::filesystem::path(folder) / name, browser.screenshot());
  }
  return seen;
}

inline const std::vector<View>& views() {
  static const std::vector<View> all{{360, 740, false, "screen"},
                                     {360, 740, true, "screen"},
                                     {1280, 900, false, "screen"},
                                     {1280, 900, true, "screen"}};
  return all;
}

}  // namespace armorm::test
