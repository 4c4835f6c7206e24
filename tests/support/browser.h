// A headless Chromium that shows pages to the tests, driven through the DevTools protocol over a pair of
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

// One tab. What goes wrong on the way (no answer in time, a closed pipe, an error from the browser) throws.
class Browser {
 public:
  // $ARMORM_BROWSER, or the first Chromium or Chrome on the PATH.
  static std::optional<std::filesystem::path> find();

  explicit Browser(const std::filesystem::path& program);
  ~Browser();
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  // Loads the page as such a screen shows it; forgets what the earlier page said and asked for.
  void open(const std::filesystem::path& page, const View& view);
  // The JSON value of a JavaScript expression.
  nlohmann::json evaluate(const std::string& expression);
  std::string screenshot();  // PNG of the whole page

  // Of the page that is open: console messages, exceptions, violated policies; and addresses asked for, the
  // page's own left out.
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
