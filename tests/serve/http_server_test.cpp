#include "serve/http_server.h"

#include <curl/curl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "core/error.h"
#include "serve/http_client.h"
#include "support/log_capture.h"
#include "support/test_support.h"

namespace armorm::serve {
namespace {

using namespace std::chrono_literals;
using test::answers_in;
using test::ask;
using test::eventually;
using test::RawAnswer;
using test::RawClient;
using test::read_answers;
using ExchangePtr = std::shared_ptr<Exchange>;

// Answers on other threads, as the engine does. Joined at the end.
class Workers {
 public:
  ~Workers() { join(); }
  template <class Work>
  void run(Work work) {
    const std::lock_guard lock(mutex_);
    threads_.emplace_back(std::move(work));
  }
  void join() {
    const std::lock_guard lock(mutex_);
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  std::mutex mutex_;
  std::vector<std::thread> threads_;
};

// Keeps exchanges for the test to answer.
class Held {
 public:
  void put(ExchangePtr exchange) {
    const std::lock_guard lock(mutex_);
    all_.push_back(std::move(exchange));
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return all_.size();
  }
  ExchangePtr take() {
    if (!eventually([this] { return size() > 0; })) throw std::runtime_error("no request came");
    const std::lock_guard lock(mutex_);
    ExchangePtr first = all_.front();
    all_.erase(all_.begin());
    return first;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<ExchangePtr> all_;
};

HttpRoute refusal(int status, std::string body) {
  HttpRoute route;
  route.refusal = std::make_unique<HttpAnswer>(HttpAnswer{status, "text/plain", std::move(body)});
  return route;
}

std::string describe(const Exchange& exchange) {
  return exchange.head().method + " " + exchange.head().path + "?" + exchange.head().query + " " +
         exchange.body();
}

// A server with its paths:
//   /echo /hold /stream (the body, in pieces) /many (10 pieces) /throw /drop /refuse /header
struct Fixture {
  Held held;
  Workers workers;
  std::unique_ptr<HttpServer> server;

  std::mutex answers_mutex;
  std::vector<std::pair<std::string, int>> answers;  // that the server has begun

  explicit Fixture(HttpServerOptions options = {}) {
    options.port = 0;
    server = std::make_unique<HttpServer>(
        options, [this](const HttpHead& head) { return route(head); },
        [this](const std::string& path, int status) {
          const std::lock_guard lock(answers_mutex);
          answers.emplace_back(path, status);
        });
  }
  std::vector<std::pair<std::string, int>> counted() {
    const std::lock_guard lock(answers_mutex);
    return answers;
  }
  ~Fixture() {
    server.reset();
    workers.join();
  }
  RawClient client() const { return RawClient(server->port()); }

  HttpRoute route(const HttpHead& head) {
    HttpRoute route;
    if (head.path == "/refuse") return refusal(404, "no such path");
    if (head.path == "/route_throws") throw std::runtime_error("the router fails");
    if (head.path == "/stream") {
      route.body = HttpRoute::Body::streamed;
      route.handle = [this](ExchangePtr exchange) {
        workers.run([exchange = std::move(exchange)] { echo_pieces(*exchange); });
      };
    } else if (head.path == "/held_stream") {
      route.body = HttpRoute::Body::streamed;
      route.handle = [this](ExchangePtr exchange) { held.put(std::move(exchange)); };
    } else if (head.path == "/hold") {
      route.handle = [this](ExchangePtr exchange) { held.put(std::move(exchange)); };
    } else if (head.path == "/no_body") {
      route.max_body_bytes = 100;
      route.handle = [](const ExchangePtr& exchange) { exchange->answer({}); };
    } else if (head.path == "/throw") {
      route.handle = [](const ExchangePtr&) { throw std::runtime_error("the handler fails"); };
    } else if (head.path == "/drop") {
      route.handle = [](const ExchangePtr&) {};
    } else if (head.path == "/header") {
      route.handle = [](const ExchangePtr& exchange) {
        exchange->answer({200, "text/plain", "x", {{"X-Value", exchange->body()}}});
      };
    } else {
      route.handle = [](const ExchangePtr& exchange) {
        exchange->answer({200, "text/plain", describe(*exchange)});
      };
    }
    return route;
  }

  static void echo_pieces(Exchange& exchange) {
    exchange.begin(200, "application/x-ndjson");
    for (std::string piece = exchange.read(); !piece.empty(); piece = exchange.read())
      if (!exchange.write(std::move(piece))) return;
    if (!exchange.truncated()) exchange.end();
  }
};

std::string get(const std::string& path, const std::string& headers = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n";
}
std::string post(const std::string& path, const std::string& body, const std::string& headers = "") {
  return "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
std::string post_chunked(const std::string& path, const std::string& chunks) {
  return "POST " + path + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks;
}

std::string message_of(const RawAnswer& answer) {
  return nlohmann::json::parse(answer.body).at("error").at("message").get<std::string>();
}

}  // namespace

TEST_CASE("an HTTP server answers requests of one connection in their order", "[unit]") {
  Fixture fixture;
  RawClient client = fixture.client();
  const RawAnswer first = ask(client, get("/a%20b?x=%20y"));
  CHECK(first.status == 200);
  CHECK(first.body == "GET /a b?x=%20y ");
  CHECK(first.header("server") == "armorm");
  CHECK(first.header("content-type") == "text/plain");
  CHECK(first.header("date").ends_with(" GMT"));
  CHECK(first.header("connection").empty());
  client.send(post("/one", "1") + "\r\n" + post("/hold", "2") + get("/three") + post("/four", "4"));
  fixture.held.take()->answer({201, "text/plain", "held"});
  const auto answers = read_answers(client, 4);
  REQUIRE(answers.size() == 4);
  CHECK(answers[0].body == "POST /one? 1");
  CHECK(answers[1].status == 201);
  CHECK(answers[1].body == "held");
  CHECK(answers[2].body == "GET /three? ");
  CHECK(answers[3].body == "POST /four? 4");
  CHECK(fixture.server->counts().accepted == 1);
  CHECK(fixture.server->counts().requests == 5);
}

TEST_CASE("a client that closes its side after its requests gets all answers", "[unit]") {
  Fixture fixture;
  RawClient client = fixture.client();
  client.send(get("/one") + get("/hold") + get("/three"));
  client.end();
  const ExchangePtr held = fixture.held.take();
  std::this_thread::sleep_for(50ms);  // time to notice the end of the client's side
  CHECK_FALSE(held->disconnected());
  held->answer({200, "text/plain", "held"});
  const auto answers = answers_in(client.read_all());
  std::vector<std::string> bodies;
  for (const RawAnswer& answer : answers)
    if (answer.status >= 200) bodies.push_back(answer.body);
  CHECK(bodies == std::vector<std::string>{"GET /one? ", "held", "GET /three? "});
}

TEST_CASE("a client that leaves while its request is computed is noticed", "[unit]") {
  Fixture fixture;
  const auto leave = GENERATE(&RawClient::close, &RawClient::reset);
  const std::string behind = GENERATE("", "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
  // A close behind a further request is only a reset once something is sent.
  if (!behind.empty() && leave == &RawClient::close) return;
  RawClient client = fixture.client();
  client.send(post("/hold", "1") + behind);
  const ExchangePtr held = fixture.held.take();
  CHECK_FALSE(held->disconnected());
  (client.*leave)();
  CHECK(eventually([&] { return held->disconnected(); }));
  held->answer({});
  CHECK(eventually([&] { return fixture.server->counts().connections == 0; }));
  CHECK(fixture.server->counts().disconnects == 1);
}

TEST_CASE("an HTTP/1.0 client that leaves is noticed", "[unit]") {
  Fixture fixture;
  const auto leave = GENERATE(&RawClient::close, &RawClient::reset);
  RawClient client = fixture.client();
  client.send("POST /hold HTTP/1.0\r\nContent-Length: 1\r\n\r\n1");
  const ExchangePtr held = fixture.held.take();
  CHECK_FALSE(held->disconnected());
  (client.*leave)();
  CHECK(eventually([&] { return held->disconnected(); }));
  CHECK(eventually([&] { return fixture.server->counts().disconnects == 1; }));
}

TEST_CASE("requests arrive in pieces of any size", "[unit]") {
  Fixture fixture;
  const std::string request =
      post_chunked("/echo", "3\r\nabc\r\n4;name=\"v\"\r\ndefg\r\n0\r\nX-Trailer: t\r\n\r\n") +
      post("/next", "12345");
  for (std::size_t cut = 1; cut < request.size(); ++cut) {
    RawClient client = fixture.client();
    client.send(request.substr(0, cut));
    if (cut % 3 == 0) std::this_thread::sleep_for(1ms);
    client.send(request.substr(cut));
    const auto answers = read_answers(client, 2);
    REQUIRE(answers.size() == 2);
    REQUIRE(answers[0].body == "POST /echo? abcdefg");
    REQUIRE(answers[1].body == "POST /next? 12345");
  }
  RawClient slow = fixture.client();
  for (const char byte : request) slow.send({&byte, 1});
  CHECK(read_answers(slow, 2).size() == 2);
}

TEST_CASE("malformed and ambiguous requests are refused and end the connection", "[unit]") {
  Fixture fixture;
  const auto [request, status] = GENERATE(table<std::string, int>({
      {"nonsense\r\n\r\n", 400},
      {"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET nopath HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /%0d%0a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400},
      {std::string("GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n", 36), 400},
      {"GET / HTTP/1.1\r\nHost: x\r\nExpect: magic\r\n\r\n", 417},
      // Two readers could disagree about where these end.
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\nabc", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x3\r\n\r\nabc", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nabc", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\nabc", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\nabc", 501},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
       "chunked\r\n\r\n0\r\n\r\n",
       400},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", 400},
  }));
  INFO(request);
  RawClient client = fixture.client();
  client.send(request + get("/smuggled"));
  client.end();
  const auto answers = answers_in(client.read_all());
  REQUIRE(answers.size() == 1);  // the request behind it is not answered
  CHECK(answers[0].status == status);
  CHECK(answers[0].header("connection") == "close");
  CHECK_FALSE(message_of(answers[0]).empty());
}

TEST_CASE("requests that end early are refused", "[unit]") {
  Fixture fixture;
  const std::string start = GENERATE("GET /", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc");
  RawClient client = fixture.client();
  client.send(start);
  client.end();
  const auto answers = answers_in(client.read_all());
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].status == 400);
}

TEST_CASE("the limits of head and body are statuses that name them", "[unit]") {
  HttpServerOptions options;
  options.max_header_bytes = 1000;
  options.max_body_bytes = 10'000;
  Fixture fixture(options);
  const std::string ten_thousand(10'000, 'x');
  const auto status_and_message = [&](const std::string& request) {
    RawClient client = fixture.client();
    const RawAnswer answer = ask(client, request);
    return std::to_string(answer.status) + " " + (answer.status == 200 ? "" : message_of(answer));
  };
  const std::string short_head = get("/", "A: \r\n");
  CHECK(status_and_message(get("/", "A: " + std::string(1000 - short_head.size(), 'a') + "\r\n")) == "200 ");
  CHECK(status_and_message(get("/", "A: " + std::string(1001 - short_head.size(), 'a') + "\r\n")) ==
        "431 the head of the request is larger than max_header_bytes, 1000");
  CHECK(status_and_message("GET /" + ten_thousand).starts_with("431 "));
  CHECK(status_and_message(post_chunked("/", "1;" + ten_thousand)).starts_with("431 "));
  CHECK(status_and_message(post("/", ten_thousand)) == "200 ");
  const std::string too_large = "413 the body of the request is larger than max_body_bytes, 10000";
  CHECK(status_and_message("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10001\r\n\r\n") == too_large);
  CHECK(status_and_message(post_chunked("/", "2710\r\n" + ten_thousand + "\r\n0\r\n\r\n")) == "200 ");
  CHECK(status_and_message(post_chunked("/", "2711\r\n" + ten_thousand + "x\r\n0\r\n\r\n")) == too_large);
}

TEST_CASE("a path that takes no body refuses one at once", "[unit]") {
  Fixture fixture;
  RawClient client = fixture.client();
  CHECK(ask(client, post("/no_body", std::string(100, 'x'))).status == 200);
  const RawAnswer refused = ask(client, "GET /no_body HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n");
  CHECK(refused.status == 413);
  CHECK(message_of(refused) == "/no_body: takes no body of more than 100 bytes");
  RawClient other = fixture.client();
  CHECK(ask(other, post_chunked("/no_body", "65\r\n" + std::string(101, 'x'))).status == 413);
}

TEST_CASE("all bodies together have a limit, until their requests are answered", "[unit]") {
  HttpServerOptions options;
  options.max_body_bytes = 10'000;
  options.max_all_body_bytes = 15'000;
  Fixture fixture(options);
  const std::string body(10'000, 'x');
  RawClient first = fixture.client(), second = fixture.client(), third = fixture.client();
  first.send(post("/hold", body));
  ExchangePtr held = fixture.held.take();
  const RawAnswer announced = ask(second, "POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 5001\r\n\r\n");
  CHECK(announced.status == 503);
  CHECK(announced.header("retry-after") == "1");
  CHECK_THAT(message_of(announced), Catch::Contains("limited to 15000 bytes, of which 10000 are in use"));
  CHECK(ask(third, post_chunked("/hold", "1389\r\n" + std::string(5001, 'x'))).status == 503);
  held->answer({200, "text/plain", "held"});
  held.reset();
  CHECK(read_answers(first, 1).at(0).body == "held");
  RawClient last = fixture.client();
  CHECK(ask(last, post("/echo", body)).status == 200);
}

TEST_CASE("a client that sends all before it reads gets the refusal", "[unit]") {
  HttpServerOptions options;
  options.max_body_bytes = 1000;
  Fixture fixture(options);
  RawClient client = fixture.client();
  client.send(post("/", std::string(std::size_t{8} << 20, 'x')));
  CHECK(ask(client, "").status == 413);
}

TEST_CASE("a client that sends a refused body slowly gets the refusal", "[unit]") {
  HttpServerOptions options;
  options.max_body_bytes = 1000;
  options.read_timeout = 500ms;  // not that of the rest of a body
  Fixture fixture(options);
  RawClient client = fixture.client();
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  for (int i = 0; i < 30; ++i) {
    REQUIRE(client.send(std::string(1000, 'x')));
    std::this_thread::sleep_for(100ms);
  }
  CHECK(ask(client, "").status == 413);
}

TEST_CASE("single bytes do not keep a stream open, lines do", "[unit]") {
  HttpServerOptions options;
  options.read_timeout = 300ms;
  Fixture fixture(options);
  const std::string piece = GENERATE("a", "a\n");
  RawClient client = fixture.client();
  client.send("POST /stream HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
  bool is_open = true;
  for (int i = 0; i < 20 && is_open; ++i) {
    is_open = client.send(piece) && fixture.server->counts().timeouts == 0;
    std::this_thread::sleep_for(50ms);
  }
  CHECK(is_open == piece.ends_with('\n'));
}

TEST_CASE("every answer is counted, with its path once that is known", "[unit]") {
  HttpServerOptions options;
  options.max_body_bytes = 10;
  Fixture fixture(options);
  RawClient client = fixture.client();
  ask(client, get("/one"));
  ask(client, get("/refuse"));
  ask(client, post("/echo", "12345678901"));
  RawClient other = fixture.client();
  ask(other, post_chunked("/stream", "1\r\na\r\n0\r\n\r\n"));
  ask(other, "nonsense\r\n\r\n");
  const std::vector<std::pair<std::string, int>> expected{
      {"/one", 200}, {"/refuse", 404}, {"/echo", 413}, {"/stream", 200}, {"", 400}};
  CHECK(fixture.counted() == expected);
}

TEST_CASE("headers of all answers are on those of the server too, once", "[unit]") {
  HttpServerOptions options;
  options.max_body_bytes = 10;
  Fixture fixture(options);
  fixture.server->set_headers({{"X-Value", "common"}});
  const auto value = [&](const std::string& request) {
    RawClient client = fixture.client();
    return ask(client, request).header("x-value");
  };
  CHECK(value(get("/")) == "common");
  CHECK(value(get("/refuse")) == "common");
  CHECK(value(post("/", "12345678901")) == "common");
  CHECK(value("nonsense\r\n\r\n") == "common");
  CHECK(value(post_chunked("/stream", "0\r\n\r\n")) == "common");
  RawClient client = fixture.client();
  client.send(post("/header", "own"));
  client.end();
  const std::string text = client.read_all();
  CHECK_THAT(text, Catch::Contains("X-Value: own") && !Catch::Contains("common"));
}

TEST_CASE("a request must arrive within read_timeout in all", "[unit]") {
  HttpServerOptions options;
  options.read_timeout = 200ms;
  options.idle_timeout = 20s;
  Fixture fixture(options);
  const std::string start =
      GENERATE("GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n",
               "POST /held_stream HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n");
  const bool is_streamed = start.find("stream") != std::string::npos;
  RawClient client = fixture.client();
  const auto begin = std::chrono::steady_clock::now();
  client.send(start);
  std::thread drip([&] {  // one byte now and then
    for (int i = 0; i < 100 && !is_streamed && client.send("A"); ++i) std::this_thread::sleep_for(20ms);
  });
  const auto answers = read_answers(client, 1);
  const auto took = std::chrono::steady_clock::now() - begin;
  drip.join();
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].status == 408);
  CHECK(message_of(answers[0]).find("read_timeout, 200 ms") != std::string::npos);
  CHECK(took >= 150ms);
  CHECK(took < 5s);
  CHECK(fixture.server->counts().timeouts == 1);
  if (!is_streamed) return;
  const ExchangePtr held = fixture.held.take();
  CHECK(held->read().empty());
  CHECK(held->truncated());
  CHECK(held->disconnected());
}

TEST_CASE("an idle connection is closed after idle_timeout", "[unit]") {
  HttpServerOptions options;
  options.idle_timeout = 150ms;
  Fixture fixture(options);
  RawClient silent = fixture.client();
  RawClient used = fixture.client();
  CHECK(ask(used, get("/")).status == 200);
  CHECK(silent.is_closed_by_server());
  CHECK(used.is_closed_by_server());
  CHECK(fixture.server->counts().timeouts == 0);
}

TEST_CASE("a client that does not take its answer is cut off after write_timeout", "[unit]") {
  HttpServerOptions options;
  options.write_timeout = 200ms;
  Fixture fixture(options);
  RawClient client(fixture.server->port(), 4096);
  SECTION("a complete answer") {
    client.send(post("/hold", ""));
    fixture.held.take()->answer({200, "text/plain", std::string(std::size_t{32} << 20, 'x')});
  }
  SECTION("pieces: write() waits, and returns false") {
    client.send(post("/hold", ""));
    const ExchangePtr held = fixture.held.take();
    held->begin(200, "text/plain");
    std::size_t taken = 0;
    while (held->write(std::string(100'000, 'x')) && taken < std::size_t{100} << 20) taken += 100'000;
    CHECK(taken < std::size_t{32} << 20);
    CHECK(held->disconnected());
  }
  CHECK(eventually([&] { return fixture.server->counts().connections == 0; }));
  CHECK(fixture.server->counts().timeouts == 1);
}

TEST_CASE("connections beyond max_connections get 503", "[unit]") {
  HttpServerOptions options;
  options.max_connections = 2;
  Fixture fixture(options);
  RawClient first = fixture.client(), second = fixture.client();
  CHECK(ask(first, get("/")).status == 200);
  CHECK(ask(second, get("/")).status == 200);
  RawClient third = fixture.client();
  const RawAnswer refused = ask(third, get("/"));
  CHECK(refused.status == 503);
  CHECK(refused.header("retry-after") == "1");
  CHECK(refused.header("connection") == "close");
  CHECK(message_of(refused).find("max_connections, 2") != std::string::npos);
  CHECK(third.is_closed_by_server());
  CHECK(fixture.server->counts().refused_connections == 1);
  first.close();
  CHECK(eventually([&] {
    RawClient again = fixture.client();
    return ask(again, get("/")).status == 200;
  }));
}

TEST_CASE("100-continue is sent where the body is wanted, and only there", "[unit]") {
  HttpServerOptions options;
  options.max_body_bytes = 100;
  Fixture fixture(options);
  const std::string expect = " HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: ";
  RawClient client = fixture.client();
  client.send("POST /wanted" + expect + "3\r\n\r\n");
  CHECK(client.read_some() == "HTTP/1.1 100 Continue\r\n\r\n");
  CHECK(ask(client, "abc").body == "POST /wanted? abc");
  client.send("POST /too_large" + expect + "101\r\n\r\n");
  CHECK(read_answers(client, 1).at(0).status == 413);
  RawClient other = fixture.client();
  other.send("POST /refuse" + expect + "3\r\n\r\n");
  const auto answers = read_answers(other, 1);
  CHECK(answers.at(0).status == 404);
  CHECK(answers.at(0).header("connection") == "close");  // whether the body comes is unknown
}

TEST_CASE("refusals answer before the body and keep the connection if it is small", "[unit]") {
  Fixture fixture;
  RawClient client = fixture.client();
  client.send("POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n");
  const auto answers = read_answers(client, 1);  // before any byte of the body
  CHECK(answers.at(0).status == 404);
  CHECK(answers.at(0).body == "no such path");
  CHECK(ask(client, "12345" + get("/next")).body == "GET /next? ");
  client.send("POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n" +
              std::string(500'000, 'x'));
  const auto last = answers_in(client.read_all());
  REQUIRE(last.size() == 1);
  CHECK(last[0].header("connection") == "close");
}

TEST_CASE("HEAD and HTTP/1.0 have their own framing", "[unit]") {
  Fixture fixture;
  RawClient client = fixture.client();
  client.send("HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto head = read_answers(client, 1, true);
  CHECK(head.at(0).header("content-length") == "9");
  CHECK(ask(client, get("/y")).body == "GET /y? ");
  RawClient old = fixture.client();
  CHECK(ask(old, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").header("connection") == "keep-alive");
  CHECK(ask(old, "GET /b HTTP/1.0\r\n\r\n").header("connection") == "close");
  CHECK(old.is_closed_by_server());
  RawClient streaming = fixture.client();
  streaming.send("POST /stream HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello");
  const auto streamed = answers_in(streaming.read_all());
  CHECK(streamed.at(0).body == "hello");
  CHECK(streamed.at(0).header("transfer-encoding").empty());
}

TEST_CASE("failures of router and handlers are 500, and the server goes on", "[unit]") {
  std::vector<std::string> lines;
  const test::LogCapture capture(lines);
  Fixture fixture;
  for (const char* path : {"/throw", "/drop", "/route_throws"}) {
    RawClient client = fixture.client();
    const RawAnswer answer = ask(client, post(path, "secret"));
    CHECK(answer.status == 500);
    CHECK(message_of(answer) == "internal error");
  }
  for (const std::string& line : lines) CHECK(line.find("secret") == std::string::npos);
  CHECK(lines.size() == 2);
}

TEST_CASE("no header of an answer can end its line", "[unit]") {
  std::vector<std::string> lines;
  const test::LogCapture capture(lines);
  Fixture fixture;
  RawClient client = fixture.client();
  CHECK(ask(client, post("/header", "fine \tvalue")).header("x-value") == "fine \tvalue");
  for (const std::string& value : {std::string("a\r\nSet-Cookie: b"), std::string("a\nb"),
                                   std::string("a\rb"), std::string("a\0b", 3)}) {
    const RawAnswer answer = ask(client, post("/header", value));
    CHECK(answer.status == 500);
    CHECK(answer.headers.count("set-cookie") == 0);
  }
  CHECK(lines.size() == 4);
}

TEST_CASE("drain answers what there is, closes the rest and frees the port", "[unit]") {
  Fixture fixture;
  RawClient idle = fixture.client(), busy = fixture.client(), late = fixture.client();
  CHECK(ask(idle, get("/")).status == 200);
  busy.send(get("/hold"));
  late.send("GET /late HTTP/1.1\r\n");
  const ExchangePtr held = fixture.held.take();
  CHECK(eventually([&] { return fixture.server->counts().accepted == 3; }));
  CHECK_FALSE(fixture.server->drain(20ms));
  CHECK(idle.is_closed_by_server());
  CHECK_THROWS(fixture.client());
  late.send("Host: x\r\n\r\n");
  CHECK(read_answers(late, 1).at(0).header("connection") == "close");
  std::thread answering([&] {
    std::this_thread::sleep_for(20ms);
    held->answer({200, "text/plain", "held"});
  });
  CHECK(fixture.server->drain(10s));
  answering.join();
  const RawAnswer answer = ask(busy, "");
  CHECK(answer.body == "held");
  CHECK(answer.header("connection") == "close");
  HttpServerOptions options;
  options.port = fixture.server->port();
  CHECK_NOTHROW(HttpServer(options, [](const HttpHead&) { return refusal(404, ""); }));
}

TEST_CASE("a half-sent request is not waited for as long as its timeout", "[unit]") {
  Fixture fixture;  // read_timeout: 30 s
  RawClient half = fixture.client(), half_body = fixture.client();
  half.send("GET /late HTTP/1.1\r\n");
  half_body.send("POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc");
  CHECK(eventually([&] { return fixture.server->counts().accepted == 2; }));
  std::this_thread::sleep_for(50ms);  // until the bytes are read
  CHECK(fixture.server->drain(20s));
  CHECK(ask(half, "").status == 408);
  CHECK(ask(half_body, "").status == 408);
}

TEST_CASE("a server that ends wakes those who wait, and outlived exchanges are harmless", "[unit]") {
  auto fixture = std::make_unique<Fixture>();
  RawClient reading = fixture->client(), writing = fixture->client();
  reading.send("POST /held_stream HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n");
  const ExchangePtr reader = fixture->held.take();
  writing.send(get("/hold"));
  const ExchangePtr writer = fixture->held.take();
  std::thread waits_to_read([&] { CHECK(reader->read().empty()); });
  std::thread waits_to_write([&] {
    writer->begin(200, "text/plain");
    while (writer->write(std::string(1 << 20, 'x'))) {
    }
  });
  std::this_thread::sleep_for(30ms);
  fixture.reset();
  waits_to_read.join();
  waits_to_write.join();
  CHECK(reader->truncated());
  CHECK(reader->disconnected());
  reader->answer({});
  CHECK_FALSE(writer->write("x"));
  writer->end();
}

TEST_CASE("a host without an address here is a usage error, a taken port one of io", "[unit]") {
  Fixture fixture;
  const auto kind_of = [](const std::string& host, std::uint16_t port) {
    HttpServerOptions options;
    options.host = host;
    options.port = port;
    try {
      const HttpServer server(options, [](const HttpHead&) { return refusal(404, ""); });
    } catch (const Error& error) {
      return std::pair(error.kind(), std::string(error.what()));
    }
    return std::pair(ErrorKind::internal, std::string("no error"));
  };
  CHECK(kind_of("no.such.host.invalid", 0).first == ErrorKind::usage);
  CHECK(kind_of("192.0.2.1", 0).first == ErrorKind::usage);  // of RFC 5737, nobody's
  CHECK(kind_of("", 0).first == ErrorKind::usage);
  const auto taken = kind_of("127.0.0.1", fixture.server->port());
  CHECK(taken.first == ErrorKind::io);
  CHECK(taken.second.find(fixture.server->address()) != std::string::npos);
}

TEST_CASE("a server listens on IPv6, and on '::' for IPv4 too", "[unit]") {
  if (std::ifstream("/proc/net/if_inet6").peek() == EOF) ARMORM_SKIP("no IPv6 here");
  HttpServerOptions options;
  options.host = GENERATE("::1", "::");
  Fixture fixture(options);
  CHECK(fixture.server->address() == "[" + options.host + "]:" + std::to_string(fixture.server->port()));
  RawClient client(fixture.server->port(), 0, true);
  CHECK(ask(client, get("/six")).body == "GET /six? ");
  if (options.host == "::1") return;
  RawClient old = fixture.client();
  CHECK(ask(old, get("/four")).body == "GET /four? ");
}

TEST_CASE("want of file descriptors is one warning and a wait", "[unit]") {
  std::vector<std::string> lines;
  const test::LogCapture capture(lines);
  Fixture fixture;
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  RawClient first = fixture.client();
  CHECK(ask(first, get("/")).status == 200);
  RawClient waiting = [&] {
    const int highest = ::dup(0);
    ::close(highest);
    const rlimit few{static_cast<rlim_t>(highest) + 1, before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
    return fixture.client();
  }();
  waiting.send(get("/waited"));
  const clock_t used = std::clock();
  std::this_thread::sleep_for(350ms);
  CHECK(std::clock() - used < CLOCKS_PER_SEC / 5);  // does not spin
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(read_answers(waiting, 1).at(0).body == "GET /waited? ");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find("cannot be accepted") != std::string::npos);
}

namespace {

std::size_t peak_memory() {  // bytes; VmHWM
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoul(line.substr(6)) << 10;
  return 0;
}

void append_hash(std::uint64_t& hash, std::string_view bytes) {  // FNV-1a
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211ULL;
}

// libcurl's side of an exchange of `size` bytes.
struct Upload {
  std::size_t size = 0, sent = 0, received = 0;
  std::uint64_t hash_sent = 14695981039346656037ULL, hash_received = hash_sent;

  static std::size_t give(char* to, std::size_t one, std::size_t room, void* self) {
    auto& upload = *static_cast<Upload*>(self);
    const std::size_t count = std::min(one * room, upload.size - upload.sent);
    for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<char>((upload.sent + i) * 2654435761U >> 13);
    upload.sent += count;
    append_hash(upload.hash_sent, {to, count});
    return count;
  }
  static std::size_t take(char* from, std::size_t one, std::size_t count, void* self) {
    auto& upload = *static_cast<Upload*>(self);
    upload.received += one * count;
    append_hash(upload.hash_received, {from, one * count});
    return one * count;
  }
};

using Curl = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;

Curl curl_for(const HttpServer& server, const std::string& path, Upload& upload) {
  Curl curl(curl_easy_init(), curl_easy_cleanup);
  curl_easy_setopt(curl.get(), CURLOPT_URL, ("http://" + server.address() + path).c_str());
  curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 60L);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &Upload::take);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &upload);
  return curl;
}

long status_of(const Curl& curl) {
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  return status;
}

}  // namespace

TEST_CASE("libcurl streams 50 MB both ways at once in flat memory", "[unit]") {
  Fixture fixture;
  Upload upload;
  upload.size = std::size_t{50} << 20;
  const Curl curl = curl_for(*fixture.server, "/stream", upload);
  curl_slist* headers = curl_slist_append(nullptr, "Transfer-Encoding: chunked");
  curl_easy_setopt(curl.get(), CURLOPT_POST, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl.get(), CURLOPT_READFUNCTION, &Upload::give);
  curl_easy_setopt(curl.get(), CURLOPT_READDATA, &upload);
  const std::size_t before = peak_memory();
  CHECK(curl_easy_perform(curl.get()) == CURLE_OK);
  curl_slist_free_all(headers);
  CHECK(status_of(curl) == 200);
  CHECK(upload.sent == upload.size);
  CHECK(upload.received == upload.size);
  CHECK(upload.hash_received == upload.hash_sent);
  CHECK(peak_memory() - before < std::size_t{24} << 20);
}

TEST_CASE("libcurl reuses a connection", "[unit]") {
  Fixture fixture;
  Upload upload;
  const Curl curl = curl_for(*fixture.server, "/again", upload);
  for (int i = 0; i < 5; ++i) {
    CHECK(curl_easy_perform(curl.get()) == CURLE_OK);
    CHECK(status_of(curl) == 200);
  }
  CHECK(fixture.server->counts().accepted == 1);
  CHECK(fixture.server->counts().requests == 5);
}

TEST_CASE("a handler that does not read holds back the client", "[unit]") {
  Fixture fixture;
  RawClient client = fixture.client();
  const std::size_t size = std::size_t{32} << 20;
  std::atomic<std::size_t> sent = 0;
  std::thread sending([&] {
    client.send("POST /held_stream HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(size) +
                "\r\n\r\n");
    for (const std::string piece(1 << 16, 'x'); sent < size && client.send(piece);) sent += piece.size();
  });
  const ExchangePtr held = fixture.held.take();
  std::size_t before = 1;
  while (std::exchange(before, sent.load()) != sent) std::this_thread::sleep_for(100ms);
  CHECK(sent < size);  // the rest waits in the client
  std::size_t received = 0;
  for (std::string piece = held->read(); !piece.empty(); piece = held->read()) {
    CHECK(piece.size() <= 64 << 10);
    received += piece.size();
  }
  CHECK(received == size);
  CHECK_FALSE(held->truncated());
  held->answer({200, "text/plain", "done"});
  sending.join();
  CHECK(ask(client, "").body == "done");
}

TEST_CASE("a streamed body that ends early is truncated, and can still be answered", "[unit]") {
  Fixture fixture;
  RawClient client = fixture.client();
  client.send(post_chunked("/held_stream", "3\r\nabc\r\n"));
  client.end();
  const ExchangePtr held = fixture.held.take();
  CHECK(held->read() == "abc");
  CHECK(held->read().empty());
  CHECK(held->truncated());
  held->answer({400, "text/plain", "cut"});
  CHECK(answers_in(client.read_all()).at(0).body == "cut");
}

TEST_CASE("a chunk that is none truncates a streamed body, and nothing follows within its answer", "[unit]") {
  Fixture fixture;
  RawClient client = fixture.client();
  client.send(post_chunked("/held_stream", "3\r\nabc\r\n"));
  ExchangePtr held = fixture.held.take();
  CHECK(held->read() == "abc");
  held->begin(200, "text/plain");
  CHECK(held->write("part"));
  std::string bytes = client.read_some();
  client.send("no size\r\n");
  CHECK(held->read().empty());
  CHECK(held->truncated());
  held.reset();
  bytes += client.read_all();
  const auto answers = answers_in(bytes);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].status == 200);
  CHECK_FALSE(answers[0].is_complete);
  CHECK(bytes.find("400") == std::string::npos);
}

TEST_CASE("an answer in pieces whose handler gives up lacks its end", "[unit]") {
  Fixture fixture;
  RawClient client = fixture.client();
  client.send(get("/hold"));
  ExchangePtr held = fixture.held.take();
  held->begin(200, "text/plain");
  CHECK(held->write("part"));
  held.reset();
  const auto answers = answers_in(client.read_all());
  CHECK((answers.empty() || !answers[0].is_complete));
}

TEST_CASE("200 connections are served at once, answered from many threads", "[unit]") {
  Fixture fixture;
  std::vector<RawClient> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(fixture.client());
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < clients.size(); ++i) clients[i].send(post("/hold", std::to_string(i)));
    REQUIRE(eventually([&] { return fixture.held.size() == 200; }));
    Workers workers;
    for (int thread = 0; thread < 8; ++thread)
      workers.run([&] {
        for (int i = 0; i < 25; ++i) {
          const ExchangePtr held = fixture.held.take();
          held->answer({200, "text/plain", held->body()});
        }
      });
    workers.join();
    for (std::size_t i = 0; i < clients.size(); ++i) REQUIRE(ask(clients[i], "").body == std::to_string(i));
  }
  CHECK(fixture.server->counts().connections == 200);
}

}  // namespace armorm::serve
