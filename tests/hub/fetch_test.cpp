// Downloads from a Hub on loopback that fails in scripted ways.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <thread>

#include "core/error.h"
#include "hub/hub_fake.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "support/error_of.h"

namespace fs = std::filesystem;
using armorm::ErrorKind;
using armorm::hub::HubId;
using armorm::hub::RepoKind;
using namespace armorm::test;
using Catch::Matchers::Contains;
using std::chrono::milliseconds;

namespace {

// 300,000 bytes that do not repeat with any short period.
std::string weights() {
  std::string text(300'000, '\0');
  std::uint32_t state = 1;
  for (char& c : text) c = static_cast<char>((state = state * 1664525u + 1013904223u) >> 24);
  return text;
}

std::map<std::string, FakeFile> model() {
  return {{"config.json", {"hello\n", kHelloSha1}},       {"model.safetensors", {weights(), ""}},
          {"tokenizer.json", {"hello\n", kHelloSha1}},    {"chat_template.jinja", {"", kEmptySha1}},
          {"pytorch_model.bin", {"a pickle", ""}},        {"original/params.json", {"hello\n", kHelloSha1}},
          {"consolidated.safetensors", {"the same", ""}}, {"model.gguf", {"quantised", ""}},
          {"README.md", {"hello\n", kHelloSha1}}};
}

std::string weights_target() { return armorm::sha256_hex(weights()) + "?signature=private"; }

fs::path fetch(FakeHub& hub, const fs::path& cache, const std::string& revision = "main",
               RepoKind kind = RepoKind::model) {
  return armorm::hub::fetch_snapshot(hub.options(cache), kind, {"org/name", revision});
}

// The error's text, after checking its kind and that it contains no secrets.
template <class Call>
std::string public_error_of(Call call, ErrorKind kind) {
  const std::string error = armorm::test::error_of(call, kind);
  CHECK_THAT(error, !Contains(kToken) && !Contains("signature"));
  return error;
}

std::set<std::string> tree(const fs::path& root) {
  std::set<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::string name = entry.path().lexically_relative(root).string();
    if (entry.is_symlink()) {
      out.insert(name + " -> " + fs::read_symlink(entry.path()).string());
    } else if (!entry.is_directory()) {
      out.insert(name);
    }
  }
  return out;
}

Fault status(int code, std::vector<std::pair<std::string, std::string>> headers = {}) {
  return [=](const HttpAsked&, HttpReply& reply) { reply = {code, headers, "an error page"}; };
}

Fault cut(std::size_t after) {
  return [=](const HttpAsked&, HttpReply& reply) { reply.cut_after = after; };
}

}  // namespace

TEST_CASE("an adapter is fetched with its configuration, alone or beside other weights", "[unit]") {
  using Names = std::vector<std::string>;
  const auto wanted = [](const Names& names) {
    return armorm::hub::files_to_fetch(RepoKind::model, "org/name", names);
  };
  const Names adapter{"adapter_config.json", "adapter_model.safetensors"};
  CHECK(wanted({"README.md", "adapter_config.json", "adapter_model.safetensors", "optimizer.pt"}) == adapter);
  CHECK(wanted({"adapter_config.json", "adapter_model.safetensors", "config.json", "model.safetensors"}) ==
        Names{"adapter_config.json", "adapter_model.safetensors", "config.json", "model.safetensors"});
  CHECK(wanted({"adapter_config.json", "adapter_model.bin"}) ==
        Names{"adapter_config.json", "adapter_model.bin"});
  CHECK(wanted({"adapter_config.json", "adapter_model.bin", "adapter_model.safetensors"}) == adapter);
}

TEST_CASE("PyTorch files are fetched where a model has no others", "[unit]") {
  using Names = std::vector<std::string>;
  const auto wanted = [](const Names& names) {
    return armorm::hub::files_to_fetch(RepoKind::model, "org/name", names);
  };
  const Names shards{"config.json", "pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin",
                     "pytorch_model.bin.index.json"};
  Names names = shards;
  names.insert(names.end(), {"training_args.bin", "optimizer.bin", "README.md"});
  CHECK(wanted(names) == shards);
  names.emplace_back("model.safetensors");
  CHECK(wanted(names) == Names{"config.json", "model.safetensors"});
}

TEST_CASE("a model comes into the standard cache layout", "[unit]") {
  const TempDir cache;
  FakeHub hub(model());
  const fs::path snapshot = fetch(hub, cache.path());
  CHECK(snapshot == cache / ("models--org--name/snapshots/" + kCommit));
  const std::string blob = armorm::sha256_hex(weights());
  const std::string folder = "snapshots/" + kCommit + "/";
  CHECK(tree(cache / "models--org--name") ==
        std::set<std::string>{"blobs/" + blob, "blobs/" + kHelloSha1, "blobs/" + kEmptySha1, "refs/main",
                              ".armorm/" + kCommit, folder + "config.json -> ../../blobs/" + kHelloSha1,
                              folder + "tokenizer.json -> ../../blobs/" + kHelloSha1,
                              folder + "chat_template.jinja -> ../../blobs/" + kEmptySha1,
                              folder + "model.safetensors -> ../../blobs/" + blob});
  CHECK(tree(cache / ".locks/models--org--name") ==
        std::set<std::string>{blob + ".lock", kHelloSha1 + ".lock", kEmptySha1 + ".lock"});
  CHECK(armorm::io::read_text_file(cache / "models--org--name/refs/main") == kCommit);
  CHECK(armorm::io::read_text_file(snapshot / "model.safetensors") == weights());
  CHECK(armorm::io::read_text_file(snapshot / "config.json") == "hello\n");
  CHECK(fs::file_size(snapshot / "chat_template.jinja") == 0);
  CHECK(armorm::hub::is_complete_snapshot(RepoKind::model, snapshot));
  CHECK(hub.delays.empty());

  const std::size_t before = hub.hub.asked().size();
  CHECK(fetch(hub, cache.path(), kCommit) == snapshot);
  CHECK(hub.hub.asked().size() == before + 1);  // only the list
}

TEST_CASE("a data set keeps its folders, and the revision is escaped", "[unit]") {
  const TempDir cache;
  FakeHub hub({{"README.md", {"hello\n", kHelloSha1}},
               {"data/en/train-00000-of-00001.parquet", {weights(), ""}},
               {"data/test.jsonl.zst", {"hello\n", kHelloSha1}},
               {"script.py", {"no", ""}},
               {".hidden/x.json", {"no", ""}}},
              "datasets");
  const fs::path snapshot = fetch(hub, cache.path(), "refs/pr/1", RepoKind::dataset);
  CHECK(tree(snapshot) == std::set<std::string>{"README.md -> ../../blobs/" + kHelloSha1,
                                                "data/en/train-00000-of-00001.parquet -> ../../../../blobs/" +
                                                    armorm::sha256_hex(weights()),
                                                "data/test.jsonl.zst -> ../../../blobs/" + kHelloSha1});
  CHECK(armorm::io::read_text_file(snapshot / "data/en/train-00000-of-00001.parquet") == weights());
  CHECK(armorm::hub::find_snapshot(cache.path(), RepoKind::dataset, {"org/name", "refs/pr/1"}) == snapshot);
  CHECK(hub.hub.asked().front().target == "/api/datasets/org/name/revision/refs%2Fpr%2F1");
}

TEST_CASE("the token goes to the Hub alone", "[unit]") {
  const TempDir cache;
  FakeHub hub(model());
  fetch(hub, cache.path());
  REQUIRE(hub.storage.asked().size() == 1);
  CHECK(hub.storage.asked()[0].header("authorization").empty());
  for (const HttpAsked& asked : hub.hub.asked()) CHECK(asked.header("authorization") == "Bearer " + kToken);
}

TEST_CASE("the same name at another port is another host", "[unit]") {
  const LoopbackServer other([](const HttpAsked&) { return HttpReply{200, {}, "there"}; });
  const LoopbackServer first([&](const HttpAsked& asked) {
    if (asked.target == "/start") return HttpReply{307, {{"Location", "/again"}}, ""};
    return HttpReply{302, {{"Location", other.url() + "/x"}}, ""};
  });
  armorm::hub::HttpClient client({});
  armorm::hub::HttpRequest request;
  request.url = first.url() + "/start";
  request.bearer_token = kToken;
  std::string body;
  CHECK(client.send(request, &body, 100).status == 200);
  CHECK(body == "there");
  REQUIRE(first.asked().size() == 2);
  CHECK(first.asked()[1].header("authorization") == "Bearer " + kToken);
  REQUIRE(other.asked().size() == 1);
  CHECK(other.asked()[0].header("authorization").empty());
  body.clear();
  CHECK_THROWS_WITH(client.send(request, &body, 4), Contains("larger than the 4 bytes"));
}

TEST_CASE("redirects to files and in circles are refused", "[unit]") {
  std::string location = "file:///etc/passwd";
  const LoopbackServer server([&](const HttpAsked&) { return HttpReply{302, {{"Location", location}}, ""}; });
  armorm::hub::HttpClient client({});
  armorm::hub::HttpRequest request;
  request.url = server.url() + "/a?secret=1";
  CHECK_THROWS_WITH(client.send(request, nullptr, 100), Contains("not allowed") && !Contains("secret"));
  location = "/a";
  CHECK_THROWS_WITH(client.send(request, nullptr, 100), Contains("more than 10 redirects"));
  request.url = "ftp://127.0.0.1/x";
  CHECK_THROWS_WITH(client.send(request, nullptr, 100), Contains("http://"));
}

TEST_CASE("a cut download is continued where it ended", "[unit]") {
  const TempDir cache;
  FakeHub hub(model());
  hub.add_fault(weights_target(), cut(100'000));
  hub.add_fault(weights_target(), cut(50'000));
  const fs::path snapshot = fetch(hub, cache.path());
  CHECK(armorm::io::read_text_file(snapshot / "model.safetensors") == weights());
  REQUIRE(hub.storage.asked().size() == 3);
  CHECK(hub.storage.asked()[0].header("range").empty());
  CHECK(hub.storage.asked()[1].header("range") == "bytes=100000-");
  CHECK(hub.storage.asked()[2].header("range") == "bytes=150000-");
}

TEST_CASE("a later run continues what an earlier one left", "[unit]") {
  const TempDir cache;
  FakeHub hub(model());
  hub.add_fault(weights_target(), cut(100'000));
  for (int i = 0; i < 6; ++i) hub.add_fault(weights_target(), status(503));
  const std::string error = public_error_of([&] { fetch(hub, cache.path()); }, ErrorKind::io);
  CHECK_THAT(error, Contains("100000 of 300000") && Contains("503") && Contains("run again"));
  CHECK_FALSE(fs::exists(cache / "models--org--name/refs/main"));
  CHECK_FALSE(fs::exists(cache / "models--org--name/snapshots"));
  CHECK(armorm::io::read_text_file(fetch(hub, cache.path()) / "model.safetensors") == weights());
  CHECK(hub.storage.asked().back().header("range") == "bytes=100000-");
}

TEST_CASE("a server that ignores Range is read from the start", "[unit]") {
  const TempDir cache;
  FakeHub hub(model());
  hub.add_fault(weights_target(), cut(100'000));
  hub.add_fault(weights_target(), [](const HttpAsked&, HttpReply& reply) { reply = {200, {}, weights()}; });
  CHECK(armorm::io::read_text_file(fetch(hub, cache.path()) / "model.safetensors") == weights());
  CHECK(hub.storage.asked().size() == 2);
}

TEST_CASE("chunked bodies and ones without an end mark", "[unit]") {
  const TempDir cache;
  FakeHub hub(model());
  hub.add_fault(weights_target(), [](const HttpAsked&, HttpReply& reply) {
    reply.chunked = true;
    reply.cut_after = 70'000;
  });
  hub.add_fault(weights_target(), [](const HttpAsked&, HttpReply& reply) { reply.chunked = true; });
  CHECK(armorm::io::read_text_file(fetch(hub, cache.path()) / "model.safetensors") == weights());
  CHECK(hub.storage.asked().size() == 2);
}

TEST_CASE("wrong content is fetched again once, and never shown", "[unit]") {
  const TempDir cache;
  FakeHub hub(model());
  const Fault wrong = [](const HttpAsked&, HttpReply& reply) { reply.body[12'345] ^= 1; };
  const Fault longer = [](const HttpAsked&, HttpReply& reply) { reply.body += "x"; };
  // Catch runs the function once per value; the generator must not refer to locals of one run.
  hub.add_fault(weights_target(), GENERATE(false, true) ? longer : wrong);
  SECTION("right the second time") {
    CHECK(armorm::io::read_text_file(fetch(hub, cache.path()) / "model.safetensors") == weights());
    CHECK(hub.storage.asked()[1].header("range").empty());
  }
  SECTION("wrong twice") {
    hub.add_fault(weights_target(), wrong);
    const std::string error = public_error_of([&] { fetch(hub, cache.path()); }, ErrorKind::data);
    CHECK_THAT(error, Contains("model.safetensors") && Contains(armorm::sha256_hex(weights())));
    CHECK(tree(cache / "models--org--name/blobs").count(armorm::sha256_hex(weights()) + ".incomplete") == 0);
    CHECK_FALSE(fs::exists(cache / "models--org--name/snapshots"));
  }
  CHECK(hub.storage.asked().size() == 2);
}

TEST_CASE("git's hash is checked as well", "[unit]") {
  const TempDir cache;
  FakeHub hub(model());
  for (int i = 0; i < 100; ++i)  // a busy machine drops connections, whose files are requested again
    hub.add_fault("/config.json", [](const HttpAsked&, HttpReply& reply) { reply.body = "Hello\n"; });
  CHECK_THAT(public_error_of([&] { fetch(hub, cache.path()); }, ErrorKind::data), Contains(kHelloSha1));
}

TEST_CASE("busy servers are asked again, as late as they wish", "[unit]") {
  const TempDir cache;
  FakeHub hub(model());
  hub.add_fault("/revision/main", status(429, {{"Retry-After", "7"}}));
  hub.add_fault("/revision/main", status(500));
  hub.add_fault("/revision/main", status(503));
  hub.add_fault(weights_target(), status(502));
  fetch(hub, cache.path());
  REQUIRE(hub.delays.size() == 4);
  CHECK(hub.delays[0] == milliseconds(7000));
  CHECK((hub.delays[1] >= milliseconds(2000) && hub.delays[1] <= milliseconds(3000)));
  CHECK((hub.delays[2] >= milliseconds(4000) && hub.delays[2] <= milliseconds(6000)));
  CHECK((hub.delays[3] >= milliseconds(1000) && hub.delays[3] <= milliseconds(1500)));
}

TEST_CASE("attempts end", "[unit]") {
  const TempDir cache;
  FakeHub hub(model());
  for (int i = 0; i < 6; ++i) hub.add_fault("/revision/main", status(500));
  CHECK_THAT(public_error_of([&] { fetch(hub, cache.path()); }, ErrorKind::io),
             Contains("6 attempts") && Contains("HF_HUB_OFFLINE"));
  CHECK(hub.hub.asked().size() == 6);
}

TEST_CASE("a message names the address once", "[unit]") {
  const TempDir cache;
  FakeHub hub(model());
  armorm::hub::HubClientOptions options = hub.options(cache.path());
  options.http.attempts = 2;
  options.endpoint = "http://127.0.0.1:1";  // nobody listens
  const std::string error = public_error_of(
      [&] {
        armorm::hub::fetch_snapshot(options, RepoKind::model, {"org/name", "main"});
      },
      ErrorKind::io);
  const std::size_t at = error.find(options.endpoint);
  REQUIRE(at != std::string::npos);
  CHECK(error.find(options.endpoint, at + 1) == std::string::npos);
}

TEST_CASE("refusals say what to do", "[unit]") {
  const TempDir cache;
  FakeHub hub(model());
  const auto refused = [&](const Fault& fault) {
    hub.add_fault("/revision/v9", fault);
    return public_error_of([&] { fetch(hub, cache.path(), "v9"); }, ErrorKind::io);
  };
  CHECK_THAT(refused(status(401)), Contains("401") && Contains("check the id") && Contains("HF_TOKEN"));
  CHECK_THAT(refused(status(403, {{"X-Error-Code", "GatedRepo"}})),
             Contains("accept the terms at " + hub.hub.url() + "/org/name") && Contains("HF_TOKEN"));
  CHECK_THAT(refused(status(404, {{"X-Error-Code", "RepoNotFound"}})), Contains("check the id"));
  CHECK_THAT(refused(status(404, {{"X-Error-Code", "RevisionNotFound"}})), Contains("no revision \"v9\""));
  CHECK(hub.hub.asked().size() == 4);
  CHECK(hub.delays.empty());
}

TEST_CASE("lists that are wrong are refused", "[unit]") {
  const TempDir cache;
  FakeHub hub(model());
  const auto error = [&](const std::string& body, const std::string& revision = "main") {
    hub.add_fault("/revision/" + revision, [=](const HttpAsked&, HttpReply& reply) { reply.body = body; });
    return public_error_of([&] { fetch(hub, cache.path(), revision); }, ErrorKind::data);
  };
  CHECK_THAT(error("<html>"), Contains("list of files"));
  CHECK_THAT(error("[]"), Contains("sha"));
  CHECK_THAT(error(R"({"sha": "../../../../etc", "siblings": []})"), Contains("sha"));
  CHECK_THAT(error(R"({"sha": ")" + kCommit + R"("})"), Contains("siblings"));
  CHECK_THAT(error(R"({"sha": ")" + kCommit + R"(", "siblings": [7, {"rfilename": 7}]})"),
             Contains("*.safetensors"));
  CHECK_THAT(error(R"({"sha": ")" + kCommit + R"(", "siblings": []})", std::string(40, 'a')),
             Contains("commit"));
  CHECK(fs::is_empty(cache.path()));
}

TEST_CASE("a file larger than the disk is not begun", "[unit]") {
  const TempDir cache;
  FakeHub hub(model());
  const LoopbackServer huge([&](const HttpAsked& asked) {
    if (asked.method == "HEAD")
      return HttpReply{302,
                       {{"X-Linked-Etag", std::string(64, 'a')},
                        {"X-Linked-Size", "900000000000000000"},
                        {"Location", "http://localhost:1/x"}},
                       ""};
    return HttpReply{
        200, {}, R"({"sha": ")" + kCommit + R"(", "siblings": [{"rfilename": "a.safetensors"}]})"};
  });
  armorm::hub::HubClientOptions options = hub.options(cache.path());
  options.endpoint = huge.url();
  const std::string error = public_error_of(
      [&] {
        armorm::hub::fetch_snapshot(options, RepoKind::model, {"org/name", "main"});
      },
      ErrorKind::io);
  CHECK_THAT(error, Contains("900000.0 TB") && Contains("free space"));
}

TEST_CASE("many at once fetch every file once", "[unit]") {
  const TempDir cache;
  FakeHub hub(model());
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      if (armorm::io::read_text_file(fetch(hub, cache.path()) / "model.safetensors") == weights()) ++right;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(right == 6);
  CHECK(hub.storage.asked().size() == 1);
  CHECK(tree(cache / "models--org--name").size() == 9);  // blobs, links, ref and mark
}

TEST_CASE("waits for the lock that another program holds", "[unit]") {
  const TempDir cache;
  FakeHub hub(model());
  const std::string blob = armorm::sha256_hex(weights());
  const fs::path lock = cache / (".locks/models--org--name/" + blob + ".lock");
  armorm::io::publish_text(lock, "");
  const int held = ::open(lock.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(::flock(held, LOCK_EX | LOCK_NB) == 0);
  std::thread thread([&] { fetch(hub, cache.path()); });
  // The previous file in order has arrived, so the lock is next.
  while (!fs::exists(cache / ("models--org--name/blobs/" + kHelloSha1))) std::this_thread::yield();
  std::this_thread::sleep_for(milliseconds(100));
  CHECK(hub.storage.asked().empty());
  // Meanwhile the other program has downloaded it.
  armorm::io::publish_text(cache / ("models--org--name/blobs/" + blob), weights());
  ::close(held);
  thread.join();
  CHECK(hub.storage.asked().empty());
  CHECK(armorm::io::read_text_file(
            cache / ("models--org--name/snapshots/" + kCommit + "/model.safetensors")) == weights());
}

TEST_CASE("a stop ends a download, a pause between tries and the wait for a lock", "[unit]") {
  using Clock = std::chrono::steady_clock;
  const TempDir cache;
  FakeHub hub(model());
  std::atomic<bool> stop = false;
  armorm::hub::HubClientOptions options = hub.options(cache.path());
  options.http.stop_requested = [&] { return stop.load(); };
  const auto stopped = [&](const std::function<void()>& when) {
    stop = false;
    std::thread thread([&] {
      when();
      stop = true;
    });
    const auto start = Clock::now();
    const std::string error = public_error_of(
        [&] {
          armorm::hub::fetch_snapshot(options, RepoKind::model, {"org/name", "main"});
        },
        ErrorKind::interrupted);
    thread.join();
    CHECK_THAT(error, Contains("asked to stop"));
    CHECK(Clock::now() - start < std::chrono::seconds(20));
  };
  const auto soon = [] { std::this_thread::sleep_for(milliseconds(200)); };
  // A wait of a minute.
  options.http.sleep = {};
  options.http.first_delay = milliseconds(60'000);
  hub.add_fault("/revision/main", status(503));
  stopped(soon);
  // A lock that is never released.
  const fs::path lock = cache / (".locks/models--org--name/" + armorm::sha256_hex(weights()) + ".lock");
  armorm::io::publish_text(lock, "");
  const int held = ::open(lock.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(::flock(held, LOCK_EX | LOCK_NB) == 0);
  stopped(soon);
  ::close(held);
  // A server that sends nothing.
  std::atomic<bool> asked = false, ended = false;
  hub.add_fault("/revision/main", [&](const HttpAsked&, HttpReply&) {
    asked = true;
    for (int i = 0; i < 100 && !ended; ++i) std::this_thread::sleep_for(milliseconds(100));
  });
  const auto start = Clock::now();
  stopped([&] {
    while (!asked) std::this_thread::yield();
  });
  CHECK(Clock::now() - start < std::chrono::seconds(8));
  ended = true;
  // A server that breaks off; the received bytes are kept.
  asked = false;
  hub.add_fault(weights_target(), [&](const HttpAsked&, HttpReply& reply) {
    reply.cut_after = 100'000;
    asked = true;
  });
  stopped([&] {
    while (!asked) std::this_thread::yield();
    soon();
  });
  const fs::path partial =
      cache / ("models--org--name/blobs/" + armorm::sha256_hex(weights()) + ".incomplete");
  CHECK(fs::file_size(partial) == 100'000);
  stop = false;
  const fs::path snapshot = armorm::hub::fetch_snapshot(options, RepoKind::model, {"org/name", "main"});
  CHECK(armorm::io::read_text_file(snapshot / "model.safetensors") == weights());
}
