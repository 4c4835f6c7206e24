// The reward server on the demo's exported model, run like a user: the same bits as score, limits, keys,
// signals.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "support/fixed_kernels.h"
#include "support/http_client.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::test;
using Catch::Matchers::Contains;
using nlohmann::json;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

std::string until(const std::string& text, const std::string& begin, char end) {
  const std::size_t at = text.find(begin);
  if (at == std::string::npos) return "";
  const std::size_t from = at + begin.size();
  return text.substr(from, text.find(end, from) - from);
}

class Server {
 public:
  explicit Server(std::vector<std::string> more = {}, int signal_while_loading = 0)
      : process_("serve", flags(std::move(more))) {
    wait_for("listening on ");
    if (signal_while_loading != 0) process_.signal(signal_while_loading);
    wait_for("ready: ");
    url_ = "http://" + until(process_.err(), "listening on http://", ';');
  }
  std::string url(const std::string& path) const { return url_ + path; }
  ClientReply post(const std::string& path, const std::string& body,
                   std::vector<std::string> headers = {}) const {
    headers.emplace_back("Content-Type: application/json");
    return http_request("POST", url(path), body, headers);
  }
  ClientReply get(const std::string& path) const { return http_request("GET", url(path)); }
  ChildProcess& process() { return process_; }
  void wait_for(const std::string& text) const {
    for (int i = 0; i < 1200 && process_.err().find(text) == std::string::npos; ++i)
      std::this_thread::sleep_for(50ms);
    REQUIRE_THAT(process_.err(), Contains(text));
  }
  ProcessResult stop() {
    process_.signal(SIGTERM);
    return process_.wait();
  }

 private:
  static std::vector<std::string> flags(std::vector<std::string> more) {
    std::vector<std::string> all{
        "--model_path", demo_export().string(), "--device", "-1", "--precision", "fp32", "--threads", "2",
        "--listen",     "127.0.0.1:0"};
    if (!can_be_batch_invariant()) all.emplace_back("--batch_invariant=false");
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  ChildProcess process_;
  std::string url_;
};

// Groups of four answers to a prompt.
std::vector<json> rows(int groups) {
  std::vector<json> out;
  for (int g = 0; g < groups; ++g)
    for (int a = 0; a < 4; ++a) {
      std::string prompt = "Explain step " + std::to_string(g) + " of the recipe";
      for (int i = 0; i < 12; ++i) prompt += ", with all the details that a beginner needs";
      std::string answer = "Answer " + std::to_string(a) + ".";
      for (int i = 0; i < 5 * a; ++i) answer += " Stir it slowly.";
      out.push_back(
          {{"id", std::to_string(g) + "-" + std::to_string(a)}, {"prompt", prompt}, {"response", answer}});
    }
  return out;
}

std::string lines_of(const std::vector<json>& rows) {
  std::string text;
  for (const json& row : rows) text += row.dump() + "\n";
  return text;
}

// What score writes for the rows, line by line.
std::vector<std::string> scored(const std::vector<json>& rows, const std::string& fields) {
  const TempDir dir;
  write_text(dir / "rows.jsonl", lines_of(rows));
  const ProcessResult result =
      run_program("score", {"--model_path", demo_export().string(), "--device", "-1", "--precision", "fp32",
                            "--input", (dir / "rows.jsonl").string(), "--fields", fields});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  std::istringstream in(result.out);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

constexpr const char* kAllFields = "score,rewards,gate,contributions,coefficients,tokens";

}  // namespace

TEST_CASE("what has no effect on a request is named", "[e2e]") {
  const std::string body = json{{"rows", {{{"prompt", "a"}, {"response", "b"}, {"seed", 1}}}}}.dump();
  Server server;
  const ClientReply reply = server.post("/v1/score?fields=score", body);
  CHECK(reply.status == 200);
  CHECK(reply.headers.at("x-ignored-fields") == "?fields=score, seed");
  const ClientReply compressed = server.post("/v1/score", body, {"Content-Encoding: gzip"});
  CHECK(compressed.status == 415);
  CHECK_THAT(compressed.body, Contains("Content-Encoding: found 'gzip'"));
  CHECK(server.post("/v1/score", body, {"Content-Encoding: identity"}).status == 200);
}

TEST_CASE("rows whose scores may not mean what was meant are counted", "[e2e]") {
  const json answered{{"prompt", "a"}, {"response", "b"}};
  const json asked =
      json::parse(R"({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"},
                                                   {"role": "user", "content": "a <|eot_id|>"}]})");
  Server server;
  CHECK_FALSE(server.post("/v1/score", json{{"rows", {answered}}}.dump()).headers.count("x-row-warnings"));
  const ClientReply reply = server.post("/v1/score", json{{"rows", {answered, asked}}}.dump());
  CHECK(reply.status == 200);
  CHECK(reply.headers.at("x-row-warnings") ==
        "rows that do not end with an assistant's turn: 1; rows with special-token strings in their content: "
        "1");
  http_request("POST", server.url("/v1/score"), lines_of({asked, asked}),
               {"Content-Type: application/x-ndjson"});
  const std::string metrics = server.get("/metrics").body;
  CHECK_THAT(metrics, Contains("armorm_no_answer_rows_total 3"));
  CHECK_THAT(metrics, Contains("armorm_special_in_content_rows_total 3"));
}

TEST_CASE("the server gives the bits of score, however rows are sent", "[e2e]") {
  if (!can_be_batch_invariant()) ARMORM_SKIP(kOnlyLibtorch);
  const std::vector<json> all = rows(6);
  const std::vector<std::string> expected = scored(all, kAllFields);
  Server server;

  SECTION("as JSON Lines, in both directions") {
    const ClientReply reply =
        http_request("POST", server.url("/v1/score"), lines_of(all), {"Content-Type: application/x-ndjson"});
    CHECK(reply.status == 200);
    std::string text;
    for (const std::string& line : expected) text += line + "\n";
    CHECK(reply.body == text);
    json row = all[0];
    row["seed"] = 1;
    http_request("POST", server.url("/v1/score"), row.dump(), {"Content-Type: application/x-ndjson"});
    server.wait_for("'seed'");
  }
  SECTION("one by one, from many clients at once, in any order") {
    std::atomic<std::size_t> next = 0;
    std::vector<std::string> results(all.size());
    const auto work = [&] {
      for (std::size_t i = next++; i < all.size(); i = next++) {
        const std::size_t row = (i * 7) % all.size();
        json body{{"rows", {all[row]}},
                  {"fields", {"score", "rewards", "gate", "contributions", "coefficients", "tokens"}}};
        results[row] = server.post("/v1/score", body.dump()).body;
      }
    };
    std::vector<std::thread> clients;
    for (int i = 0; i < 6; ++i) clients.emplace_back(work);
    for (std::thread& client : clients) client.join();
    for (std::size_t i = 0; i < all.size(); ++i)
      CHECK_THAT(results[i], Contains("\"results\":[" + expected[i] + "]"));
    CHECK_THAT(server.get("/metrics").body, Contains("armorm_rows_total 24"));
  }
  SECTION("as rendered texts of OpenRLHF, and of slime") {
    const json model = json::parse(io::read_text_file(demo_export() / "tokenizer_config.json"));
    REQUIRE(model.contains("chat_template"));
    std::vector<std::string> texts;
    for (const json& row : all)
      texts.push_back("<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n" +
                      row.at("prompt").get<std::string>() +
                      "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n" +
                      row.at("response").get<std::string>() + "<|eot_id|>");
    const json body{{"query", texts}, {"prompts", texts}, {"labels", std::vector<std::string>(texts.size())}};
    const json reply = json::parse(server.post("/get_reward", body.dump()).body);
    for (std::size_t i = 0; i < all.size(); ++i) {
      const json line = json::parse(expected[i]);
      CHECK(reply.at("rewards").at(i) == line.at("score"));
      CHECK(reply.at("scores").at(i) == line.at("score"));
      for (const auto& [name, reward] : line.at("rewards").items())
        CHECK(reply.at("extra_logs").at(name).at(i) == reward);
    }
    const json messages{{{"role", "user"}, {"content", all[0].at("prompt")}}};
    const ClientReply number = server.post(
        "/slime", json{{"prompt", messages}, {"response", all[0].at("response")}, {"label", "x"}}.dump());
    CHECK(json::parse(number.body) == json::parse(expected[0]).at("score"));
    CHECK(number.headers.count("x-ignored-fields") == 0);
  }
}

TEST_CASE("the server's faults name field and limit, and a bad row fails alone", "[e2e]") {
  Server server({"--max_rows", "3", "--max_body_mb", "1"});
  const auto message = [](const ClientReply& reply) {
    INFO(reply.status << " " << reply.body);
    return json::parse(reply.body).at("error").at("message").get<std::string>();
  };
  ClientReply reply = server.post("/v1/score", "{");
  CHECK(reply.status == 400);
  reply = server.post("/v1/score", R"({"rows": "x"})");
  CHECK(reply.status == 422);
  CHECK_THAT(message(reply), Contains("rows: found string, expected a list"));
  reply = server.post("/v1/score", json{{"rows", rows(1)}}.dump());
  CHECK(reply.status == 413);
  CHECK_THAT(message(reply), Contains("rows: has 4") && Contains("3"));
  reply = server.post("/get_reward", std::string(std::size_t{3} << 19, ' '));
  CHECK(reply.status == 413);
  CHECK_THAT(message(reply), Contains("1048576"));
  reply = server.post("/get_reward", R"({"query": ["no template"]})");
  CHECK(reply.status == 422);
  CHECK_THAT(message(reply), Contains("query[0]"));
  reply = server.post("/classify", R"({"model": "other", "input": "x"})");
  CHECK(reply.status == 404);
  reply = server.post("/nowhere", "{}");
  CHECK(reply.status == 404);
  CHECK_THAT(message(reply), Contains("/v1/score"));
  reply = server.get("/get_reward");
  CHECK(reply.status == 405);
  CHECK(reply.headers.at("allow") == "POST");

  const json good = rows(1)[0];
  reply =
      server.post("/v1/score", json{{"rows", {good, {{"id", "bad"}, {"messages", json::array()}}}}}.dump());
  CHECK(reply.status == 200);
  const json results = json::parse(reply.body).at("results");
  CHECK(results.at(0).contains("score"));
  CHECK(results.at(1).at("id") == "bad");
  CHECK(results.at(1).contains("error"));
  reply = server.post("/v1/score", json{{"rows", {good}}, {"seed", 1}}.dump());
  CHECK(reply.headers.at("x-ignored-fields") == "seed");
  const std::string fingerprint = reply.headers.at("x-model-fingerprint");
  CHECK(fingerprint.size() == 64);
  CHECK(server.post("/v1/score", good.dump(), {"X-Model-Fingerprint: " + fingerprint}).status == 200);
  reply = server.post("/v1/score", good.dump(), {"X-Model-Fingerprint: " + std::string(64, '0')});
  CHECK(reply.status == 409);

  const ProcessResult result = server.stop();
  CHECK(result.exit_code == 0);
  CHECK_THAT(result.err, Contains("all requests are answered"));
}

TEST_CASE("conversations whose score may mislead are counted, and logged once", "[e2e]") {
  Server server;
  const std::string text =
      "<|start_header_id|>user<|end_header_id|>\n\nq<|eot_id|><|start_header_id|>assistant<|end_header_id|>"
      "\n\na";
  const auto metrics = [&] { return server.get("/metrics").body; };
  const auto score = [&](const std::string& query) {
    return json::parse(server.post("/get_reward", json{{"query", {query}}}.dump()).body).at("rewards").at(0);
  };
  const json finished = score(text + "<|eot_id|>");
  CHECK_THAT(metrics(), Contains("armorm_open_answer_rows_total 0\n"));
  CHECK(score(text) != finished);
  CHECK(score(text) != finished);
  CHECK_THAT(metrics(), Contains("armorm_open_answer_rows_total 2\n"));
  server.post("/v1/score",
              R"({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"},
                               {"role": "user", "content": "<|eot_id|>"}]})");
  CHECK_THAT(metrics(), Contains("armorm_no_answer_rows_total 1\n"));
  CHECK_THAT(metrics(), Contains("armorm_special_in_content_rows_total 1\n"));
  const std::string log = server.stop().err;
  const std::size_t first = log.find("a text does not end as the chat template ends an answer");
  REQUIRE(first != std::string::npos);
  CHECK(log.find("a text does not end", first + 1) == std::string::npos);
  CHECK_THAT(log,
             Contains("a conversation ends in a turn of a user") && Contains("the text of a special token"));
}

TEST_CASE("keys are needed where they are given, and read again on SIGHUP", "[e2e]") {
  const TempDir dir;
  write_text(dir / "keys", "first-key-0123456789\n");
  Server server({"--api_key_file", (dir / "keys").string()});
  const std::string row = rows(1)[0].dump();
  CHECK(server.get("/health").status == 200);
  CHECK(server.get("/ready").status == 200);
  for (const char* path : {"/metrics", "/v1/models", "/openapi.json"}) CHECK(server.get(path).status == 401);
  CHECK(server.post("/v1/score", row).status == 401);
  CHECK(server.post("/v1/score", row, {"Authorization: Bearer wrong-key-0123456789"}).status == 401);
  CHECK(server.post("/v1/score", row, {"Authorization: Bearer first-key-0123456789"}).status == 200);
  write_text(dir / "keys", "second-key-0123456789\n");
  server.process().signal(SIGHUP);
  server.wait_for("API keys: 1 read");
  CHECK(server.post("/v1/score", row, {"Authorization: Bearer first-key-0123456789"}).status == 401);
  CHECK(server.post("/v1/score", row, {"Authorization: Bearer second-key-0123456789"}).status == 200);
  const ProcessResult result = server.stop();
  CHECK_THAT(result.err, !Contains("key-0123456789"));
}

TEST_CASE("a reload while the model is loaded is done afterwards", "[e2e]") {
  const TempDir dir;
  write_text(dir / "keys", "first-key-0123456789\n");
  Server server({"--api_key_file", (dir / "keys").string()}, SIGHUP);
  server.wait_for("API keys: 1 read");
  CHECK(server.stop().exit_code == 0);
}

TEST_CASE("a list of texts is scored as their text, and other parts are refused", "[e2e]") {
  Server server;
  const auto messages = [](const json& content) {
    return json{
        {"messages", {{{"role", "user"}, {"content", content}}, {{"role", "assistant"}, {"content", "b"}}}}};
  };
  const auto text = [](const char* words) { return json{{"type", "text"}, {"text", words}}; };
  const auto score = [&](const std::string& path, const json& body) {
    const ClientReply reply = server.post(path, body.dump());
    INFO(reply.body);
    REQUIRE(reply.status == 200);
    json answer = json::parse(reply.body);
    return path == "/v1/score" ? answer["results"][0]["score"] : answer["data"][0];
  };
  for (const char* path : {"/v1/score", "/classify", "/pooling"}) {
    CHECK(score(path, messages(json::array({text("a")}))) == score(path, messages("a")));
    CHECK(score(path, messages(json::array({text("a"), text("c")}))) == score(path, messages("a\nc")));
  }
  const json image{{"type", "image_url"}, {"image_url", {{"url", "data:x"}}}};
  for (const char* path : {"/classify", "/pooling"}) {
    const ClientReply refused = server.post(path, messages(json::array({text("a"), image})).dump());
    CHECK(refused.status == 422);
    CHECK_THAT(refused.body, Contains("message 0: content[1]") && Contains("image_url"));
  }
  const json row =
      json::parse(server.post("/v1/score", messages(json::array({image})).dump()).body)["results"][0];
  CHECK_THAT(row["error"].get<std::string>(), Contains("image_url"));
}

TEST_CASE("fields of messages that the template does not use are named", "[e2e]") {
  const json body = json::parse(R"({"messages": [{"role": "user", "content": "q", "name": "u", "weight": 1},
      {"role": "assistant", "content": "a", "tool_calls": [{"x": 1}], "train": true, "audio": null}]})");
  Server server;
  for (const char* path : {"/v1/score", "/classify"}) {
    const ClientReply reply = server.post(path, body.dump());
    CHECK(reply.status == 200);
    CHECK(reply.headers.at("x-ignored-fields") ==
          "messages[].name, messages[].tool_calls, messages[].train, messages[].weight");
  }
  http_request("POST", server.url("/v1/score"), body.dump() + "\n", {"Content-Type: application/x-ndjson"});
  server.wait_for("'messages[].weight'");
}

TEST_CASE("paths without a body take GET and HEAD alone, and every answer has the fingerprint", "[e2e]") {
  Server server;
  for (const char* path : {"/health", "/ready", "/metrics"}) {
    const ClientReply reply = server.post(path, "{}");
    CHECK(reply.status == 405);
    CHECK(reply.headers.at("allow") == "GET, HEAD");
    CHECK(http_request("GET", server.url(path), "", {"Content-Length: 5000"}).status == 413);
  }
  const ClientReply streamed = http_request("POST", server.url("/v1/score"), lines_of(rows(1)),
                                            {"Content-Type: application/x-ndjson"});
  for (const ClientReply& reply : {server.get("/health"), server.get("/nowhere"), server.get("/slime"),
                                   server.post("/slime", "{"), streamed})
    CHECK(reply.headers.at("x-model-fingerprint").size() == 64);
  const std::string metrics = server.get("/metrics").body;
  for (const char* line : {"armorm_requests_total{path=\"/health\",status=\"405\"} 1\n",
                           "armorm_requests_total{path=\"other\",status=\"404\"} 1\n",
                           "armorm_requests_total{path=\"/slime\",status=\"405\"} 1\n",
                           "armorm_requests_total{path=\"/v1/score\",status=\"200\"} 1\n",
                           "armorm_request_seconds_count{path=\"/slime\"} 1\n"})
    CHECK_THAT(metrics, Contains(line));
  CHECK_THAT(metrics, !Contains("armorm_connections_total"));
  CHECK_THAT(metrics, !Contains("armorm_request_seconds_count{path=\"/v1/score\""));
}

TEST_CASE("a server that is asked to stop answers what it has accepted", "[e2e]") {
  Server server;
  const std::vector<json> many = rows(40);
  ClientReply reply;
  std::thread client([&] { reply = server.post("/v1/score", json{{"rows", many}}.dump()); });
  for (int i = 0;
       i < 2000 && server.get("/metrics").body.find("armorm_batches_total 0\n") != std::string::npos; ++i)
    std::this_thread::sleep_for(1ms);
  server.process().signal(SIGTERM);
  server.wait_for("stopping: ");
  server.process().signal(SIGHUP);  // which ends a process by default
  const ProcessResult result = server.process().wait();
  client.join();
  INFO(result.err);
  CHECK(reply.status == 200);
  CHECK(json::parse(reply.body).at("results").size() == many.size());
  CHECK(result.exit_code == 0);
}

TEST_CASE("a server that cannot start says why before it loads a model", "[e2e]") {
  Server server;
  const std::string address = until(server.process().err(), "listening on http://", ';');
  ProcessResult result =
      run_program("serve", {"--model_path", demo_export().string(), "--device", "-1", "--listen", address});
  CHECK(result.exit_code == 3);
  CHECK_THAT(result.err, Contains(address + ": cannot listen"));
  result = run_program("serve",
                       {"--model_path", demo_export().string(), "--device", "-1", "--listen", "nonsense"});
  CHECK(result.exit_code == 2);
  result = run_program("serve", {"--model_path", demo_export().string(), "--device", "-1", "--listen",
                                 "127.0.0.1:0", "--api_key_file", "/nowhere"});
  CHECK(result.exit_code == 3);
  result = run_program("serve", {"--model_path", "/nowhere", "--device", "-1", "--listen", "127.0.0.1:0"});
  CHECK(result.exit_code == 3);
}
