// A complete download from a server on loopback that sends the input: answers one after another, each up to a
// byte 0xff, with "@HUB" and "@ELSEWHERE" for the addresses of this server and of another one. Whatever the
// answers, nothing is written outside the cache, no file with an unchecked hash appears, and only the Hub
// gets the token.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/hash.h"
#include "fuzz/driver.h"
#include "hub/client.h"

namespace armorm::fuzz {
namespace {

namespace fs = std::filesystem;
const std::string kToken = "hf_TokenOfTheFuzzer";

// Answers each request with the next of the given answers.
class RawServer {
 public:
  RawServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    require(::bind(listener_, generic, size) == 0 && ::listen(listener_, 64) == 0 &&
                ::getsockname(listener_, generic, &size) == 0,
            "no server on loopback");
    url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    std::thread([this] { serve(); }).detach();
  }

  void start(std::vector<std::string> answers) {
    const std::lock_guard lock(mutex_);
    answers_ = std::move(answers);
    next_ = 0;
  }
  std::string url;
  bool is_hub = true;

 private:
  [[noreturn]] void serve() {
    for (;;) {
      const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) continue;
      // If the client closes first, no port stays in use for a minute.
      const linger at_once{1, 0};
      answer(connection);
      ::shutdown(connection, SHUT_WR);
      pollfd closed{connection, POLLIN, 0};
      char rest[256];
      while (::poll(&closed, 1, 100) == 1 && ::recv(connection, rest, sizeof(rest), 0) > 0) {
      }
      ::setsockopt(connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
      ::close(connection);
    }
  }

  void answer(int connection) {
    char request[4096];
    const ssize_t size = ::recv(connection, request, sizeof(request), 0);
    if (size <= 0) return;
    const std::string_view text(request, static_cast<std::size_t>(size));
    require(is_hub || text.find(kToken) == std::string_view::npos, "the token went to another server");
    std::string reply;
    {
      const std::lock_guard lock(mutex_);
      if (next_ < answers_.size()) reply = answers_[next_++];
    }
    ::send(connection, reply.data(), reply.size(), MSG_NOSIGNAL);
  }

  int listener_;
  std::mutex mutex_;
  std::vector<std::string> answers_;
  std::size_t next_ = 0;
};

void replace_all(std::string& text, std::string_view from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

std::vector<std::string> split_answers(std::string_view input, const RawServer& hub,
                                       const RawServer& elsewhere) {
  std::vector<std::string> answers;
  while (!input.empty() && answers.size() < 16) {
    std::string answer(input.substr(0, input.find('\xff')));
    input.remove_prefix(std::min(input.size(), answer.size() + 1));
    replace_all(answer, "@HUB", hub.url);
    replace_all(answer, "@ELSEWHERE", elsewhere.url);
    answers.push_back(std::move(answer));
  }
  return answers;
}

// Every file below blobs/ whose name is a hash of 64 digits has that hash.
void check_cache(const fs::path& cache) {
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(cache)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_symlink() && entry.is_regular_file() && name.size() == 64 &&
        entry.path().parent_path().filename() == "blobs")
      require(sha256_file_hex(entry.path()) == name, "a file was published under the hash of another");
    if (entry.is_symlink())
      require(fs::weakly_canonical(entry.path()).string().starts_with(fs::canonical(cache).string() + "/"),
              "a link leads out");
  }
}

}  // namespace

// curl's buffers, per connection.
const MemoryBound kMemoryBound{1024, 32 << 20};

void read_input(std::string_view input) {
  static RawServer hub, elsewhere;
  elsewhere.is_hub = false;
  ::setenv("no_proxy", "127.0.0.1", 1);
  const fs::path home = scratch_folder() / "home";
  fs::remove_all(home);
  fs::create_directories(home / "cache");
  const std::vector<std::string> answers = split_answers(input, hub, elsewhere);
  elsewhere.start({answers.rbegin(), answers.rend()});
  hub.start(answers);
  hub::HubClientOptions options;
  options.cache = home / "cache";
  options.endpoint = hub.url;
  options.token = kToken;
  options.http.attempts = 2;
  options.http.sleep = [](std::chrono::milliseconds) {};
  std::string told;
  try {
    told = hub::fetch_snapshot(options, hub::RepoKind::model, {"org/name", "main"}).string();
  } catch (const Error& error) {
    told = error.what();
    require(error.kind() == ErrorKind::io || error.kind() == ErrorKind::data, error.what());
  }
  require(told.find(kToken) == std::string::npos || input.find(kToken) != std::string_view::npos,
          "the token was told");
  require(std::distance(fs::directory_iterator(home), fs::directory_iterator()) == 1,
          "something was written outside of the cache");
  check_cache(options.cache);
}

}  // namespace armorm::fuzz
