#include "support/browser.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

namespace armorm::test {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

constexpr int kPatienceMs = 60'000;

// The browser reads commands from descriptor 3 and writes to descriptor 4.
[[noreturn]] void become(const std::string& program, const std::string& profile, int commands, int answers) {
  const int in = fcntl(commands, F_DUPFD, 10);
  const int out = fcntl(answers, F_DUPFD, 10);
  const int null = open("/dev/null", O_RDWR);
  for (const int standard : {0, 1, 2}) dup2(null, standard);
  dup2(in, 3);
  dup2(out, 4);
  setpgid(0, 0);
  const std::string folder = "--user-data-dir=" + profile;
  execl(program.c_str(), program.c_str(), "--headless", "--no-sandbox", "--disable-gpu",
        "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
        "--disable-extensions", "--hide-scrollbars", folder.c_str(), "--remote-debugging-pipe", "about:blank",
        nullptr);
  _exit(127);
}

std::string decode_base64(const std::string& text) {
  static const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned bits = 0, held = 0;
  for (const char c : text) {
    const std::size_t digit = digits.find(c);
    if (digit == std::string::npos) break;
    held = held << 6 | static_cast<unsigned>(digit);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += static_cast<char>(held >> bits & 0xFF);
  }
  return out;
}

}  // namespace

std::optional<fs::path> Browser::find() {
  if (const char* named = std::getenv("ARMORM_BROWSER")) return fs::path(named);
  const char* path = std::getenv("PATH");
  for (const char* name : {"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"}) {
    std::istringstream folders(path == nullptr ? "" : path);
    for (std::string folder; std::getline(folders, folder, ':');)
      if (access((fs::path(folder) / name).c_str(), X_OK) == 0) return fs::path(folder) / name;
  }
  return std::nullopt;
}

Browser::Browser(const fs::path& program) {
  std::array<int, 2> commands{}, answers{};
  if (pipe2(commands.data(), O_CLOEXEC) != 0 || pipe2(answers.data(), O_CLOEXEC) != 0)
    throw std::runtime_error("pipe failed");
  id_ = fork();
  if (id_ < 0) throw std::runtime_error("fork failed");
  if (id_ == 0) become(program.string(), profile_.path().string(), commands[0], answers[1]);
  close(commands[0]);
  close(answers[1]);
  to_browser_ = commands[1];
  from_browser_ = answers[0];
  const std::string target = call("Target.createTarget", {{"url", "about:blank"}}).at("targetId");
  session_ = call("Target.attachToTarget", {{"targetId", target}, {"flatten", true}}).at("sessionId");
  for (const char* domain : {"Page.enable", "Runtime.enable", "Log.enable", "Network.enable"}) call(domain);
}

Browser::~Browser() {
  // Kills the process group: the browser and its children.
  kill(-id_, SIGKILL);
  waitpid(id_, nullptr, 0);
  close(to_browser_);
  close(from_browser_);
}

json Browser::receive() {
  while (received_.find('\0') == std::string::npos) {
    pollfd ready{from_browser_, POLLIN, 0};
    if (poll(&ready, 1, kPatienceMs) <= 0) throw std::runtime_error("the browser does not answer");
    std::array<char, 65536> buffer{};
    const ssize_t n = read(from_browser_, buffer.data(), buffer.size());
    if (n <= 0) throw std::runtime_error("the browser closed its pipe");
    received_.append(buffer.data(), static_cast<std::size_t>(n));
  }
  const std::size_t end = received_.find('\0');
  json message = json::parse(received_.substr(0, end));
  received_.erase(0, end + 1);
  return message;
}

void Browser::note(const json& event) {
  const std::string method = event.value("method", "");
  if (method == "Page.loadEventFired") loaded_ = true;
  if (method == "Runtime.consoleAPICalled" || method == "Runtime.exceptionThrown" ||
      method == "Log.entryAdded")
    complaints_.push_back(event.at("params").dump());
  if (method != "Network.requestWillBeSent") return;
  const std::string url = event.at("params").at("request").at("url");
  if (url != address_) requests_.push_back(url);
}

json Browser::call(const std::string& method, json parameters) {
  json command{{"id", ++last_call_}, {"method", method}, {"params", std::move(parameters)}};
  if (!session_.empty()) command["sessionId"] = session_;
  const std::string text = command.dump() + '\0';
  for (std::size_t sent = 0; sent < text.size();) {
    const ssize_t n = write(to_browser_, text.data() + sent, text.size() - sent);
    if (n <= 0) throw std::runtime_error("the browser does not listen");
    sent += static_cast<std::size_t>(n);
  }
  for (;;) {
    const json message = receive();
    if (message.value("id", 0) != last_call_) {
      note(message);
      continue;
    }
    if (message.contains("error")) throw std::runtime_error(method + ": " + message.at("error").dump());
    return message.at("result");
  }
}

void Browser::open(const fs::path& page, const View& view) {
  call("Emulation.setDeviceMetricsOverride", {{"width", view.width},
                                              {"height", view.height},
                                              {"deviceScaleFactor", 1},
                                              {"mobile", view.width < 600}});
  call("Emulation.setEmulatedMedia",
       {{"media", view.media},
        {"features", {{{"name", "prefers-color-scheme"}, {"value", view.dark ? "dark" : "light"}}}}});
  address_ = "file://" + page.string();
  complaints_.clear();
  requests_.clear();
  loaded_ = false;
  call("Page.navigate", {{"url", address_}});
  while (!loaded_) note(receive());
}

json Browser::evaluate(const std::string& expression) {
  const json answer = call("Runtime.evaluate", {{"expression", expression}, {"returnByValue", true}});
  if (answer.contains("exceptionDetails")) throw std::runtime_error(answer.at("exceptionDetails").dump());
  return answer.at("result").value("value", json(nullptr));
}

std::string Browser::screenshot() {
  return decode_base64(
      call("Page.captureScreenshot", {{"format", "png"}, {"captureBeyondViewport", true}}).at("data"));
}

}  // namespace armorm::test
