// The token, and passwords in addresses, under every kind of failure: they may appear only in the
// Authorization header of requests to the Hub.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "core/error.h"
#include "core/log.h"
#include "hub/hub_fake.h"
#include "io/publish.h"
#include "io/read_file.h"

namespace fs = std::filesystem;
using armorm::hub::RepoKind;
using namespace armorm::test;

namespace {

const std::string kSecretToken = "hf_TellNobodyThisToken";
const std::string kSecretPassword = "TellNobodyThisPassword";
const std::string kSecretSignature = "TellNobodyThisSignature";

// Captures everything that the process writes to stdout and stderr, including output that bypasses the log.
class OutputCapture {
 public:
  explicit OutputCapture(const fs::path& file) : file_(file) {
    flush();
    out_ = ::dup(STDOUT_FILENO);
    err_ = ::dup(STDERR_FILENO);
    const int captured = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ::dup2(captured, STDOUT_FILENO);
    ::dup2(captured, STDERR_FILENO);
    ::close(captured);
    armorm::log::set_level(armorm::log::Level::debug);
  }
  ~OutputCapture() { stop(); }
  OutputCapture(const OutputCapture&) = delete;
  OutputCapture& operator=(const OutputCapture&) = delete;

  std::string stop() {
    if (out_ < 0) return "";
    flush();
    ::dup2(out_, STDOUT_FILENO);
    ::dup2(err_, STDERR_FILENO);
    ::close(out_);
    ::close(err_);
    out_ = -1;
    armorm::log::set_level(armorm::log::Level::info);
    return armorm::io::read_text_file(file_);
  }

 private:
  static void flush() {
    std::fflush(stdout);
    std::fflush(stderr);
  }
  fs::path file_;
  int out_ = -1;
  int err_ = -1;
};

std::map<std::string, FakeFile> small_model() {
  return {{"config.json", {"hello\n", kHelloSha1}}, {"model.safetensors", {std::string(5000, 'w'), ""}}};
}

// Faulty answers of the Hub or the storage, one at a time, by the end of the target they replace.
std::vector<std::pair<std::string, Fault>> faults() {
  const auto status = [](int code, std::vector<std::pair<std::string, std::string>> headers = {}) {
    return [=](const HttpAsked&, HttpReply& reply) { reply = {code, headers, "echo " + kSecretToken}; };
  };
  const std::string stored = armorm::sha256_hex(std::string(5000, 'w')) + "?signature=private";
  const std::string list = "/revision/main";
  std::vector<std::pair<std::string, Fault>> all;
  for (const int code : {400, 401, 403, 404, 416, 429, 500, 503}) {
    all.emplace_back(list, status(code));
    all.emplace_back(stored, status(code, {{"X-Error-Code", "GatedRepo"}, {"Retry-After", "1"}}));
  }
  const std::string secret_url =
      "http://user:" + kSecretPassword + "@127.0.0.1:1/x?X-Amz-Signature=" + kSecretSignature;
  for (const std::string& location :
       {secret_url, "ftp" + secret_url.substr(4), std::string("file:///etc/passwd"), list})
    for (const std::string& target : {list, stored})
      all.emplace_back(target, status(302, {{"Location", location}}));
  all.emplace_back(list, [](const HttpAsked&, HttpReply& reply) { reply.body = "<html>"; });
  all.emplace_back(stored, [](const HttpAsked&, HttpReply& reply) { reply.body[7] = 'x'; });
  all.emplace_back(stored, [](const HttpAsked&, HttpReply& reply) { reply.cut_after = 10; });
  return all;
}

// Runs to the end, successful or not, and returns the error's text.
std::string outcome(const std::function<void()>& call) {
  try {
    call();
    return "";
  } catch (const std::exception& error) {
    return error.what();
  }
}

void check_holds_no_secret(const std::string& what, const std::string& text) {
  for (const std::string& secret : {kSecretToken, kSecretPassword, kSecretSignature}) {
    CAPTURE(what);
    CHECK(text.find(secret) == std::string::npos);
  }
}

void check_files(const fs::path& root) {
  if (!fs::exists(root)) return;  // nothing was written
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
    check_holds_no_secret("name", entry.path().string());
    if (entry.is_symlink()) check_holds_no_secret("link", fs::read_symlink(entry.path()).string());
    if (entry.is_regular_file())
      check_holds_no_secret(entry.path().string(), armorm::io::read_text_file(entry.path()));
  }
}

class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

}  // namespace

TEST_CASE("the token is told to nobody but the Hub, whatever fails", "[unit]") {
  const TempDir dir;
  std::string told;
  std::size_t failed = 0;
  OutputCapture capture(dir / "output");
  std::vector<std::string> elsewhere;
  for (const auto& [target, fault] : faults()) {
    FakeHub hub(small_model());
    for (int i = 0; i < 2; ++i) hub.add_fault(target, fault);
    armorm::hub::HubClientOptions options = hub.options(dir / "cache");
    options.token = kSecretToken;
    options.http.attempts = 2;
    const std::string error = outcome([&] {
      armorm::hub::fetch_snapshot(options, RepoKind::model, {"org/name", "main"});
    });
    failed += error.empty() ? 0 : 1;
    told += error + "\n";
    for (const HttpAsked& asked : hub.storage.asked())
      for (const auto& [name, value] : asked.headers) elsewhere.push_back(value);
    check_files(dir / "cache");
    fs::remove_all(dir / "cache");
  }
  told += capture.stop();
  CHECK(failed > 15);
  CHECK(told.find("trying again") != std::string::npos);  // the log was captured
  check_holds_no_secret("messages and log", told);
  CHECK_FALSE(elsewhere.empty());
  for (const std::string& value : elsewhere) check_holds_no_secret("a header to the storage", value);
}

TEST_CASE("a good download tells no secrets either", "[unit]") {
  const TempDir dir;
  FakeHub hub(small_model());
  OutputCapture capture(dir / "output");
  armorm::hub::HubClientOptions options = hub.options(dir / "cache");
  options.token = kSecretToken;
  options.endpoint = "http://user:" + kSecretPassword + "@" + hub.hub.url().substr(7);
  armorm::hub::fetch_snapshot(options, RepoKind::model, {"org/name", "main"});
  const std::string told = capture.stop();
  CHECK(told.find("fetching org/name") != std::string::npos);
  check_holds_no_secret("log", told);
  check_files(dir / "cache");
  CHECK(hub.hub.asked().at(0).header("authorization") == "Bearer " + kSecretToken);
}

TEST_CASE("secrets in the environment and in given addresses are not repeated", "[unit]") {
  const TempDir dir;
  const std::string endpoint = "http://user:" + kSecretPassword + "@127.0.0.1:1";
  const Variable home("HF_HOME", dir.path().string());
  const Variable cache("HF_HUB_CACHE", (dir / "cache").string());
  const Variable online("HF_HUB_OFFLINE", "0");
  OutputCapture capture(dir / "output");
  std::string told;
  for (const std::string& token :
       {kSecretToken + " x", kSecretToken + "\nX-Header: y", kSecretToken + "\x01"}) {
    const Variable set("HF_TOKEN", token);
    told += outcome([] { armorm::hub::hub_client_options(); }) + "\n";
  }
  armorm::io::publish_text(dir / "token", kSecretToken + " and more");
  const Variable no_token("HF_TOKEN", "");
  told += outcome([] { armorm::hub::hub_client_options(); }) + "\n";
  CHECK(told.find("token: expected an access token") != std::string::npos);
  for (const std::string& address :
       {"ftp" + endpoint.substr(4), "http://user:" + kSecretPassword + "@[bad"}) {
    const Variable set("HF_ENDPOINT", address);
    told += outcome([] { armorm::hub::hub_client_options(); }) + "\n";
  }
  const std::string url = endpoint + "/org/name?X-Amz-Signature=" + kSecretSignature;
  for (const std::string& text : {url, "org/name@" + url}) {
    told += outcome([&] { armorm::hub::resolve_model(text); }) + "\n";
    told += outcome([&] { armorm::hub::resolve_dataset(text); }) + "\n";
  }
  told += capture.stop();
  check_holds_no_secret("messages and log", told);
}
