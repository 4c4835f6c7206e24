// A headless Chromium that loads pages for the tests, driven through the DevTools protocol over a pair of
// pipes.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "support/test_support.h"

namespace armorm::test {

struct View {
  int width = 1280;
  int height = 900;
  bool dark = false;
  std::string media = "screen";  // or "print"
};

// One tab. Throws on any failure (no answer in time, a closed pipe, an error of the browser).
class Browser {
 public:
  // $ARMORM_BROWSER, or the first Chromium or Chrome on the PATH.
  static std::optional<std::filesystem::path> find();

  explicit Browser(const std::filesystem::path& program);
  ~Browser();
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  // Loads the page on this screen; clears the complaints about the previous page.
  void open(const std::filesystem::path& page, const View& view);
  // The JSON value of a JavaScript expression.
  nlohmann::json evaluate(const std::string& expression);
  std::string screenshot();  // PNG of the full page

  // About the open page: console messages, exceptions, violated policies, and requested addresses other than
  // the page's own.
  const std::vector<std::string>& complaints() const { return complaints_; }
  const std::vector<std::string>& requests() const { return requests_; }

 private:
  nlohmann::json call(const std::string& method, nlohmann::json parameters = nlohmann::json::object());
  nlohmann::json receive();
  void note(const nlohmann::json& event);
  TempDir profile_;
  pid_t id_ = -1;
  int to_browser_ = -1;
  int from_browser_ = -1;
  std::string received_;
  std::string session_;
  std::string address_;
  int last_call_ = 0;
  bool loaded_ = false;
  std::vector<std::string> complaints_;
  std::vector<std::string> requests_;
};

}  // namespace armorm::test
