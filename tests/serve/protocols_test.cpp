// Requests as the clients of the frameworks send them, and what these clients read of the answers.
#include "serve/protocols/protocols.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <functional>
#include <nlohmann/json.hpp>

#include "io/read_file.h"
#include "serve/openapi.h"
#include "serve/schema_check.h"
#include "support/test_support.h"

namespace {

using namespace armorm::serve;
using nlohmann::json;

const ServedModel kModel{"reward", "0123456789abcdef0123", {"help", "safety"}, 4096, 1700000000};

ScoreOutput scored(float score) { return {"", score, {0.1F, score}, {0.5F, 0.5F}, {0.05F, 0.5F}, {1, 1}, 7}; }

ScoreOutput failed(const std::string& why) {
  ScoreOutput output;
  output.error = why;
  return output;
}

std::unique_ptr<Protocol> protocol(std::string_view path) {
  for (auto& found : protocols::all())
    if (found->path() == path) return std::move(found);
  FAIL("no protocol at " << path);
  return nullptr;
}

std::unique_ptr<ScoreCall> parsed(std::string_view path, const std::string& body, RequestLimits limits = {}) {
  return protocol(path)->parse({}, body, kModel, limits);
}

RequestError refusal(std::string_view path, const std::string& body, RequestLimits limits = {}) {
  try {
    parsed(path, body, limits);
  } catch (const RequestError& error) {
    return error;
  }
  FAIL("accepted: " << body);
  return {};
}

// The answer's body, which agrees with the description of the path.
json answered(std::string_view path, const std::string& body, const std::vector<ScoreOutput>& outputs,
              int status = 200) {
  const auto spoken = protocol(path);
  const auto call = spoken->parse({}, body, kModel, {});
  REQUIRE(call->rows.size() == outputs.size());
  const HttpAnswer answer = spoken->answer(*call, outputs, kModel);
  REQUIRE(answer.status == status);
  json found = json::parse(answer.body);
  const json document = json::parse(openapi_text());
  const json& content =
      document["paths"][std::string(path)]["post"]["responses"][std::to_string(status)]["content"];
  REQUIRE(armorm::test::schema_faults(document, content["application/json"]["schema"], found) == "");
  return found;
}

TEST_CASE("OpenRLHF gets lists of its queries' length, and the attributes as logs") {
  const std::string body = R"({"query":["<s>a","<s>b"],"prompts":["a","b"],"labels":[null,"x"]})";
  const json answer = answered("/get_reward", body, {scored(0.1F), scored(-2)});
  CHECK(answer["rewards"].dump() == "[0.1,-2.0]");  // the shortest that reads back as the float32
  CHECK(answer["scores"] == answer["rewards"]);
  CHECK(answer["extra_logs"]["help"].dump() == "[0.1,0.1]");
  CHECK(answer["extra_logs"]["safety"].dump() == "[0.1,-2.0]");
}

TEST_CASE("OpenRLHF's older clients send queries alone, as they are") {
  const auto call = parsed("/get_reward", R"({"query":["<s>a\nb</s>"]})");
  REQUIRE(call->rows.size() == 1);
  CHECK(call->rows[0].rendered == "<s>a\nb</s>");
  CHECK(call->ignored.empty());
}

json recorded(const std::string& name) {
  return json::parse(armorm::io::read_text_file(armorm::test::golden("serve/" + name + ".json")));
}

// The answer to a recorded request whose rows score 0.5, 1.5, ...; nothing of the request is ignored.
json answer_to(const std::string& name, std::size_t request = 0) {
  const json golden = recorded(name);
  const std::string path = golden.at("path");
  const std::string body = golden.at("requests").at(request).dump();
  const auto call = parsed(path, body);
  CHECK(call->ignored.empty());
  std::vector<ScoreOutput> outputs;
  for (std::size_t i = 0; i < call->rows.size(); ++i) outputs.push_back(scored(0.5F + static_cast<float>(i)));
  return answered(path, body, outputs);
}

ScoreInput row_of(const std::string& name, std::size_t row = 0) {
  const json golden = recorded(name);
  return parsed(golden.at("path").get<std::string>(), golden.at("requests").at(0).dump())->rows.at(row);
}

constexpr const char* kRendered =
    "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n\xC3\xA9\n<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\na<|eot_id|>";

TEST_CASE("what OpenRLHF's and slime's own clients post is read, and they get numbers") {
  for (const char* name : {"openrlhf_new", "openrlhf_old", "slime_text"}) {
    CAPTURE(name);
    CHECK(row_of(name).rendered == kRendered);
  }
  for (const char* name : {"openrlhf_new", "openrlhf_old"})
    CHECK(answer_to(name)["rewards"].dump() == "[0.5]");
  CHECK(answer_to("slime_text").dump() == "0.5");
  CHECK(answer_to("slime_messages").dump() == "0.5");
  const ScoreInput row = row_of("slime_messages");
  REQUIRE(row.conversation.size() == 2);
  CHECK(row.conversation[0].content == "\xC3\xA9");
  CHECK(row.conversation[1].role == "assistant");
  CHECK(row.conversation[1].content == "a");
}

TEST_CASE("verl finds the score where it looks for that of vLLM and SGLang") {
  CHECK(answer_to("verl_vllm")["data"].back()["probs"].back() == 0.5);
  CHECK(answer_to("verl_sglang")["data"].back()["embedding"].back() == 0.5);
  for (const char* name : {"verl_vllm", "verl_sglang"}) {
    CAPTURE(name);
    // verl takes the BOS away, because vLLM adds one; so does encode_rendered().
    REQUIRE(row_of(name).rendered);
    CHECK("<|begin_of_text|>" + *row_of(name).rendered ==
          "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n\xC3\xA9<|eot_id|>"
          "<|start_header_id|>assistant<|end_header_id|>\n\na<|eot_id|>");
  }
}

TEST_CASE("vLLM's and SGLang's own examples are answered; token ids are refused") {
  const json classified = answer_to("vllm_classify");
  REQUIRE(classified["data"].size() == 4);
  CHECK(classified["data"][3]["probs"].dump() == "[3.5]");
  const json ids = recorded("vllm_classify")["requests"].at(1);
  CHECK_THAT(refusal("/classify", ids.dump()).message, Catch::Contains("input[0]: found array"));
  CHECK(answer_to("vllm_reward", 0)["data"][0]["data"].dump() == "[0.5]");
  CHECK(answer_to("vllm_reward", 1)["data"][0]["data"].dump() == "[0.5]");
  const json conversations = answer_to("sglang_conv");
  REQUIRE(conversations.size() == 2);
  CHECK(conversations[1]["embedding"].dump() == "[1.5]");
  CHECK(row_of("sglang_conv", 1).conversation.at(1).content ==
        "The output of a sigmoid node is bounded between 0 and 1.");
}

TEST_CASE("a row without a score fails the complete answer where it has no place") {
  const json answer = answered("/get_reward", R"({"query":["a","b","c"]})",
                               {scored(1), failed("too long"), failed("x")}, 422);
  CHECK(answer["error"]["message"] == "query[1]: too long; 2 entries of 3 have no score");
  CHECK_FALSE(answer.contains("rewards"));
}

TEST_CASE("slime reads a number") {
  CHECK(answered("/slime", R"({"prompt":"<s>q","response":"a","label":"4"})", {scored(0.25F)}) == 0.25);
  const auto text = parsed("/slime", R"({"prompt":"<s>q","response":"a","label":null})");
  CHECK(text->rows[0].rendered == "<s>qa");
  CHECK(text->ignored.empty());
  const auto chat = parsed("/slime", R"({"prompt":[{"role":"user","content":"q"}],"response":"a"})");
  REQUIRE(chat->rows[0].conversation.size() == 2);
  CHECK(chat->rows[0].conversation[1].role == "assistant");
  CHECK(chat->rows[0].conversation[1].content == "a");
}

TEST_CASE("vLLM's and SGLang's clients find the score where they look for it") {
  const json vllm = answered("/classify", R"({"model":"reward","input":["a","b"]})", {scored(1), scored(-3)});
  CHECK(vllm["data"][1]["probs"].dump() == "[-3.0]");
  CHECK(vllm["data"][1]["index"] == 1);
  CHECK(vllm["usage"]["prompt_tokens"] == 14);
  const json pooling = answered("/pooling", R"({"input":"a"})", {scored(2)});
  CHECK(pooling["data"][0]["data"].dump() == "[2.0]");
  CHECK(answered("/classify", R"({"text":["a"]})", {scored(2)})[0]["embedding"][0] == 2.0);
  CHECK(answered("/v1/classify", R"({"text":"a"})", {scored(2)})["embedding"][0] == 2.0);
}

TEST_CASE("fields that change what is computed are refused, others are listed") {
  const auto field =
      GENERATE(as<std::string>{}, R"("use_activation":true)", R"("truncate_prompt_tokens":9)",
               R"("encoding_format":"base64")", R"("chat_template":"x")", R"("chat_template_kwargs":{"a":1})",
               R"("add_generation_prompt":true)", R"("continue_final_message":true)", R"("normalize":true)",
               R"("padding":"max_length")", R"("mm_processor_kwargs":{"a":1})");
  CAPTURE(field);
  const std::string name = field.substr(1, field.find('"', 1) - 1);
  for (const char* path : {"/classify", "/pooling"}) {
    const RequestError error = refusal(path, R"({"input":"a",)" + field + "}");
    CHECK(error.status == 422);
    CHECK(error.message.starts_with(name + ":"));
  }
  CHECK(parsed("/classify", R"({"input":"a","user":"u","encoding_format":"float"})")->ignored ==
        std::vector<std::string>{"user"});
}

TEST_CASE("values that other servers compute something else from are refused, neutral ones are not") {
  const auto field = GENERATE(as<std::string>{}, R"("task":"embed")", R"("add_special_tokens":false)",
                              R"("image_data":["x"])", R"("audio_data":"x")", R"("input_embeds":[[1]])",
                              R"("lora_path":"x")", R"("documents":["d"])", R"("instruction":"i")",
                              R"("stream":true)", R"("truncation_side":"left")",
                              R"("return_hidden_states":true)", R"("endianness":"big")", R"("tools":[{}])");
  CAPTURE(field);
  const std::string name = field.substr(1, field.find('"', 1) - 1);
  const std::pair<const char*, const char*> kBodies[] = {{"/classify", R"({"input":"a",)"},
                                                         {"/pooling", R"({"input":"a",)"},
                                                         {"/v1/embeddings", R"({"input":"a",)"},
                                                         {"/get_reward", R"({"query":"a",)"},
                                                         {"/slime", R"({"prompt":"a","response":"b",)"}};
  for (const auto& [path, start] : kBodies) {
    const RequestError error = refusal(path, start + field + "}");
    CHECK(error.status == 422);
    CHECK(error.message.starts_with(name + ": found "));
  }
}

TEST_CASE("a neutral value is known by what it is, not by how it is written") {
  const auto field = GENERATE(as<std::string>{}, R"("task":"classify")", R"("add_special_tokens":true)",
                              R"("image_data":null)", R"("tools":[ ])", R"("chat_template_kwargs":{ })",
                              R"("stream": false)", R"("endianness":"nat\u0069ve")", R"("documents":[])",
                              R"("instruction":"")");
  CAPTURE(field);
  CHECK(parsed("/classify", R"({"input":"a",)" + field + "}")->ignored.empty());
}

TEST_CASE("another model than the one served is refused on every path") {
  for (const auto& [path, body] : std::vector<std::pair<const char*, std::string>>{
           {"/get_reward", R"({"query":"a","model":"gpt"})"},
           {"/slime", R"({"prompt":"a","response":"b","model":"gpt"})"},
           {"/v1/score", R"({"prompt":"a","response":"b","model":"gpt"})"},
           {"/v1/score", R"({"rows":[[]],"model":"gpt"})"}}) {
    CAPTURE(path, body);
    const RequestError error = refusal(path, body);
    CHECK(error.status == 404);
    CHECK_THAT(error.message, Catch::Contains("'gpt' is not served here"));
  }
}

TEST_CASE("the fields of a single row decide what its answer has") {
  const std::string body = R"({"prompt":"q","response":"a","model":"reward","fields":["score"],"seed":1})";
  CHECK(answered("/v1/score", body, {scored(0.5F)})["results"][0].dump() == R"({"line":1,"score":0.5})");
  const auto call = parsed("/v1/score", body);
  CHECK(call->rows[0].unused == std::vector<std::string>{"seed"});
  CHECK(refusal("/v1/score", R"({"prompt":"q","response":"a","fields":["x"]})").status == 422);
}

TEST_CASE("lists beyond max_rows are refused before they are copied") {
  constexpr std::size_t kEntries = 1'000'000;
  std::string list;
  for (std::size_t i = 0; i < kEntries; ++i) list += "\"\",";
  for (const auto& [path, field] : std::vector<std::pair<const char*, const char*>>{
           {"/get_reward", "query"}, {"/classify", "input"}, {"/classify", "conv"}, {"/v1/score", "rows"}}) {
    const RequestError error = refusal(path, fmt::format(R"({{"{}":[{}""]}})", field, list));
    CHECK(error.status == 413);
    CHECK_THAT(error.message, Catch::Contains("has 1000001 entries") && Catch::Contains("--max_rows"));
  }
  CHECK(refusal("/v1/score", R"({"rows":[[]],"fields":[)" + list + "\"\"]}").status == 422);
  CHECK(refusal("/get_reward", R"({"query":["a"],"labels":[)" + list + "1]}").status == 422);
}

TEST_CASE("values of few bytes cannot fill the memory") {
  std::string values;
  for (std::size_t i = 0; i < (std::size_t{1} << 20); ++i) values += "[],";
  const std::string message = R"([{"role":"user","content":[)" + values + "0]}]";
  CHECK_THAT(refusal("/classify", R"({"messages":)" + message + "}").message,
             Catch::Contains("more than the 1048576"));
  CHECK_THAT(refusal("/classify", R"({"conv":[)" + message + "]}").message, Catch::Contains("JSON values"));
  CHECK_THAT(parsed("/v1/score", R"({"rows":[)" + message + "]}")->rows.at(0).error,
             Catch::Contains("JSON values"));
  std::string fields;
  for (int i = 0; i < 1001; ++i) fields += fmt::format(R"(,"f{}":0)", i);
  CHECK_THAT(refusal("/classify", R"({"input":"a")" + fields + "}").message,
             Catch::Contains("more than 1000 fields"));
}

TEST_CASE("the header of ignored fields is short, and its commas separate names") {
  ScoreCall call;
  call.ignored = {"a,b", std::string(100, 'x')};
  const auto header = [&] { return with_ignored({}, call).headers.at(0).second; };
  CHECK(header() == "a\\x2cb, " + std::string(40, 'x') + "...");
  call.rows.resize(1);
  for (int i = 0; i < 5000; ++i) call.rows[0].unused.push_back(fmt::format("key {}", i));
  CHECK(header().ends_with(", and 4982 more"));
  CHECK(header().size() < 1000);
}

TEST_CASE("faults of a request name field, found and expected") {
  struct Case {
    const char* path;
    const char* body;
    int status;
    const char* message;
  };
  const auto given = GENERATE(values<Case>({
      {"/get_reward", "{\"query\":[", 400, "body"},
      {"/get_reward", "\"\xff\"", 400, "UTF-8"},
      {"/get_reward", "[]", 422, "body: found array, expected an object"},
      {"/get_reward", "{}", 422, "query: is missing"},
      {"/get_reward", R"({"query":["a",1]})", 422, "query[1]: found number, expected a string"},
      {"/get_reward", R"({"query":[]})", 422, "query: is empty"},
      {"/get_reward", R"({"query":["a"],"labels":[]})", 422, "labels: has 0 entries, but query has 1"},
      {"/get_reward", R"({"query":["a"],"query":["b"]})", 422, "query"},
      {"/get_reward", R"({"query":["a","b","c"]})", 413, "query: has 3 entries, the most of a request is 2"},
      {"/v1/score", R"({"rows":[[],[],[]]})", 413, "rows: has 3 entries"},
      {"/v1/score", R"({"rows":[[]],"fields":["x"]})", 422, "fields: found 'x'"},
      {"/v1/score", R"({"rows":[[]],"fields":["score","score"]})", 422, "fields: 'score' appears twice"},
      {"/slime", R"({"prompt":"q"})", 422, "response: is missing"},
      {"/slime", R"({"prompt":[],"response":"a"})", 422, "prompt"},
      {"/classify", R"({"input":[1,2]})", 422, "input[0]: found number"},
      {"/classify", R"({"input":"a","messages":[]})", 422, "more than one"},
      {"/classify", R"({"conv":[[{"role":"user"}],"x"]})", 422,
       "conv[1]: found string, expected a list of messages"},
      {"/classify", R"({"conv":[[{"role":"user","content":"x"}],[{"content":"x"}]]})", 422, "conv[1]"},
      {"/classify", R"({"conv":[[{"role":"user"}],[{"role":"user"}],[{"role":"user"}]]})", 413,
       "conv: has 3 entries"},
      {"/pooling", R"({"conv":[[]]})", 422, "input: is missing"},
      {"/v1/embeddings", R"({"input":"a","encoding_format":"base64"})", 422, "encoding_format"},
      {"/classify", R"({"input":"a","model":"gpt"})", 404, "model: 'gpt' is not served here"},
  }));
  CAPTURE(given.path, given.body);
  const RequestError error = refusal(given.path, given.body, {.max_rows = 2});
  CHECK(error.status == given.status);
  CHECK_THAT(error.message, Catch::Contains(given.message));
}

TEST_CASE("a bad row of /v1/score has its error in its place") {
  const std::string good = R"({"id":7,"prompt":"q","response":"a"})";
  const std::string body = R"({"rows":[)" + good + R"(,{"id":"b"}],"fields":["score"]})";
  const auto call = parsed("/v1/score", body);
  CHECK(call->rows[0].error.empty());
  CHECK_FALSE(call->rows[1].error.empty());
  const json answer = answered("/v1/score", body, {scored(0.1F), failed(call->rows[1].error)});
  CHECK(answer["fingerprint"] == kModel.fingerprint);
  CHECK(answer["results"][0].dump() == R"({"id":7,"score":0.1})");
  CHECK(answer["results"][1]["id"] == "b");
  CHECK(answer["results"][1].contains("error"));
  CHECK_FALSE(answer["results"][1].contains("score"));
}

TEST_CASE("a client that pins a fingerprint gets answers of that model alone") {
  HttpHead head;
  CHECK_FALSE(other_fingerprint(head, kModel));
  head.headers = {{"x-model-fingerprint", kModel.fingerprint}};
  CHECK_FALSE(other_fingerprint(head, kModel));
  head.headers = {{"x-model-fingerprint", "ffff"}};
  REQUIRE(other_fingerprint(head, kModel));
  CHECK(other_fingerprint(head, kModel)->status == 409);
  const HttpAnswer models = models_answer(kModel);
  CHECK(models.headers.front().second == kModel.fingerprint);
  CHECK(json::parse(models.body)["data"][0]["id"] == "reward");
}

TEST_CASE("a second fingerprint, another charset and a compressed body are refused") {
  HttpHead head;
  head.headers = {{"X-Model-Fingerprint", kModel.fingerprint}, {"x-model-fingerprint", kModel.fingerprint}};
  REQUIRE(other_fingerprint(head, kModel));
  CHECK(other_fingerprint(head, kModel)->status == 400);
  const auto status = [](const std::string& name, const std::string& value) {
    HttpHead of_body;
    of_body.headers = {{name, value}};
    const auto refused = unreadable_body(of_body);
    return refused ? refused->status : 200;
  };
  for (const char* type : {"application/json", "text/plain; charset=\"UTF-8\"", "a/b;x=y; Charset=utf8"})
    CHECK(status("Content-Type", type) == 200);
  for (const char* type : {"application/json; charset=latin-1", "a/b;charset=utf-16"})
    CHECK(status("Content-Type", type) == 415);
  CHECK(status("Content-Encoding", "Identity") == 200);
  CHECK(status("Content-Encoding", "gzip") == 415);
}

TEST_CASE("JSON Lines are known by their media type alone") {
  const auto streams = [](const std::string& type) {
    HttpHead head;
    head.headers = {{"Content-Type", type}};
    return protocol("/v1/score")->streams(head);
  };
  for (const char* type : {"application/x-ndjson", "Application/JSONL; charset=utf-8", "application/jsonl "})
    CHECK(streams(type));
  for (const char* type : {"application/x-ndjson2", "application/json", "application/jsonlines", ""})
    CHECK_FALSE(streams(type));
}

TEST_CASE("a row that the server failed to score is the server's fault") {
  ScoreOutput output = failed("no number");
  output.is_server_fault = true;
  CHECK(answered("/slime", R"({"prompt":"a","response":"b"})", {failed("long")}, 422).contains("error"));
  const std::vector<std::pair<const char*, const char*>> bodies{
      {"/get_reward", R"({"query":["a"]})"},
      {"/slime", R"({"prompt":"a","response":"b"})"},
      {"/classify", R"({"input":"a"})"}};
  for (const auto& [path, body] : bodies) {
    const auto spoken = protocol(path);
    const HttpAnswer answer = spoken->answer(*spoken->parse({}, body, kModel, {}), {output}, kModel);
    CHECK(answer.status == 500);
    CHECK(json::parse(answer.body)["error"]["type"] == "server_error");
  }
  const json rows = answered("/v1/score", R"({"rows":[[],[]]})", {output, failed("long")});
  CHECK(rows["results"][0]["error_type"] == "server_error");
  CHECK_FALSE(rows["results"][1].contains("error_type"));
}

TEST_CASE("every protocol is described, and nothing else is") {
  const json document = json::parse(openapi_text());
  std::size_t posts = 0;
  for (const auto& [path, methods] : document["paths"].items()) posts += methods.contains("post") ? 1 : 0;
  CHECK(posts == protocols::all().size());
  for (const auto& spoken : protocols::all()) {
    CAPTURE(spoken->path());
    CHECK(document["paths"].contains(std::string(spoken->path())));
    const json error = json::parse(spoken->failure({422, "x"}).body);
    const json schema{{"$ref", "#/components/schemas/Error"}};
    CHECK(armorm::test::schema_faults(document, schema, error) == "");
  }
}

TEST_CASE("requests and refusals are described as they are") {
  const json document = json::parse(openapi_text());
  const auto faults = [&](const char* path, const char* body) {
    const json& content = document["paths"][path]["post"]["requestBody"]["content"];
    return armorm::test::schema_faults(document, content["application/json"]["schema"], json::parse(body));
  };
  for (const auto& [path, body] : std::vector<std::pair<const char*, const char*>>{
           {"/v1/score", R"({"rows":[{"prompt":"q","response":"a"}],"fields":["score"]})"},
           {"/v1/score", R"({"messages":[{"role":"user","content":[{"type":"text","text":"q"}]}]})"},
           {"/get_reward", R"({"query":["a"]})"},
           {"/classify", R"({"conv":[[{"role":"user","content":"q"}]]})"},
           {"/v1/embeddings", R"({"input":"a"})"}})
    CHECK(faults(path, body).empty());
  for (const auto& [path, body] : std::vector<std::pair<const char*, const char*>>{
           {"/v1/score", R"({"rows":[]})"},
           {"/v1/score", R"({"messages":[{"role":"user","content":[{"type":"image_url"}]}]})"},
           {"/get_reward", R"({"query":[]})"},
           {"/classify", "{}"},
           {"/pooling", R"({"text":"a"})"},
           {"/v1/embeddings", R"({"messages":[{"role":"user","content":"q"}]})"}})
    CHECK_FALSE(faults(path, body).empty());
  const json& responses = document["paths"]["/v1/score"]["post"]["responses"];
  CHECK(responses["200"]["content"].contains("application/x-ndjson"));
  for (const char* status : {"429", "503"}) CHECK(responses[status]["headers"].contains("Retry-After"));
  CHECK(responses["405"]["headers"].contains("Allow"));
  CHECK(document["paths"]["/ready"]["get"]["responses"].contains("503"));
}

TEST_CASE("the check of schemas finds faults") {
  const json document = json::parse(openapi_text());
  const json schema{{"$ref", "#/components/schemas/RewardAnswer"}};
  CHECK(armorm::test::schema_faults(document, schema, json::parse(R"({"rewards":[1],"scores":[1]})")) ==
        "answer: no extra_logs");
  CHECK(armorm::test::schema_faults(document, schema,
                                    json::parse(R"({"rewards":["1"],"scores":[1],"extra_logs":{}})")) ==
        "answer.rewards[0]: not of type number");
}

}  // namespace
