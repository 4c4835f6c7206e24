#include "serve/openapi.h"

#include <nlohmann/json.hpp>

#include "armorm/choices.h"
#include "core/version.h"
#include "core/words.h"
#include "serve/protocol.h"

namespace armorm::serve {
namespace {

using nlohmann::ordered_json;

ordered_json ref(const char* name) { return {{"$ref", std::string("#/components/schemas/") + name}}; }
ordered_json list_of(ordered_json items) { return {{"type", "array"}, {"items", std::move(items)}}; }
ordered_json typed(const char* type) { return {{"type", type}}; }
ordered_json either(std::vector<ordered_json> schemas) { return {{"anyOf", std::move(schemas)}}; }
ordered_json object(ordered_json properties, std::vector<std::string> required) {
  return {{"type", "object"}, {"properties", std::move(properties)}, {"required", std::move(required)}};
}
ordered_json by_attribute() { return {{"type", "object"}, {"additionalProperties", typed("number")}}; }
// Of a request: not empty.
ordered_json entries_of(ordered_json items) {
  return {{"type", "array"}, {"items", std::move(items)}, {"minItems", 1}};
}
ordered_json texts() { return either({typed("string"), entries_of(typed("string"))}); }

ordered_json message_schema() {
  ordered_json type;
  type["enum"] = {"text"};
  const ordered_json part = object({{"type", type}, {"text", typed("string")}}, {"type", "text"});
  return object(
      {{"role", typed("string")}, {"content", either({typed("string"), list_of(part), typed("null")})}},
      {"role"});
}

// Rows in one of these fields.
ordered_json texts_request(const std::vector<std::string>& names) {
  const ordered_json messages = entries_of(ref("Message"));
  std::vector<ordered_json> forms;
  for (const std::string& name : names)
    forms.push_back(object({{"model", typed("string")},
                            {name, name == "messages" ? messages
                                   : name == "conv"   ? entries_of(messages)
                                                      : texts()}},
                           {name}));
  return either(std::move(forms));
}

ordered_json row_schema() {
  const ordered_json messages = entries_of(ref("Message"));
  const ordered_json any = ordered_json::object();
  return either(
      {messages, object({{"id", any}, {"messages", messages}, {"response", typed("string")}}, {"messages"}),
       object({{"id", any}, {"prompt", either({typed("string"), messages})}, {"response", typed("string")}},
              {"prompt", "response"})});
}

ordered_json result_schema() {
  return object({{"id", ordered_json::object()},
                 {"line", typed("integer")},
                 {"error", typed("string")},
                 {"error_type", typed("string")},
                 {"score", typed("number")},
                 {"tokens", typed("integer")},
                 {"rewards", by_attribute()},
                 {"gate", by_attribute()},
                 {"contributions", by_attribute()},
                 {"coefficients", by_attribute()}},
                {});
}

ordered_json usage_schema() {
  return object({{"prompt_tokens", typed("integer")},
                 {"total_tokens", typed("integer")},
                 {"completion_tokens", typed("integer")}},
                {"prompt_tokens", "total_tokens"});
}

ordered_json list_schema(ordered_json entry) {
  return object({{"id", typed("string")},
                 {"object", typed("string")},
                 {"created", typed("integer")},
                 {"model", typed("string")},
                 {"data", list_of(std::move(entry))},
                 {"usage", ref("Usage")}},
                {"id", "object", "created", "model", "data", "usage"});
}

ordered_json schemas() {
  const ordered_json number = typed("number");
  const ordered_json index = typed("integer");
  const ordered_json sglang =
      object({{"embedding", list_of(number)}, {"meta_info", typed("object")}}, {"embedding"});
  ordered_json fields = typed("string");
  fields["enum"] = words_of(ScoreField{});
  return {{"Message", message_schema()},
          {"Row", row_schema()},
          {"Result", result_schema()},
          {"Usage", usage_schema()},
          {"Error",
           object({{"error", object({{"message", typed("string")}, {"type", typed("string")}}, {"message"})}},
                  {"error"})},
          {"ScoreRequest", either({object({{"rows", entries_of(ref("Row"))},
                                           {"fields", either({fields, entries_of(fields)})},
                                           {"model", typed("string")}},
                                          {"rows"}),
                                   ref("Row")})},
          {"ScoreAnswer", object({{"model", typed("string")},
                                  {"fingerprint", typed("string")},
                                  {"results", list_of(ref("Result"))}},
                                 {"model", "fingerprint", "results"})},
          {"RewardRequest", object({{"query", texts()},
                                    {"prompts", typed("array")},
                                    {"labels", typed("array")},
                                    {"model", typed("string")}},
                                   {"query"})},
          {"RewardAnswer",
           object({{"rewards", list_of(number)},
                   {"scores", list_of(number)},
                   {"extra_logs", {{"type", "object"}, {"additionalProperties", list_of(number)}}}},
                  {"rewards", "scores", "extra_logs"})},
          {"SlimeRequest", object({{"prompt", either({typed("string"), entries_of(ref("Message"))})},
                                   {"response", typed("string")},
                                   {"label", ordered_json::object()}},
                                  {"prompt", "response"})},
          {"SlimeAnswer", number},
          {"ClassifyRequest", texts_request({"input", "messages", "text", "conv"})},
          {"PoolingRequest", texts_request({"input", "messages"})},
          {"EmbeddingsRequest", texts_request({"input"})},
          {"ClassifyAnswer", either({list_schema(object({{"index", index},
                                                         {"label", typed("string")},
                                                         {"probs", list_of(number)},
                                                         {"num_classes", index}},
                                                        {"index", "label", "probs", "num_classes"})),
                                     sglang, list_of(sglang)})},
          {"PoolingAnswer",
           list_schema(object({{"index", index}, {"object", typed("string")}, {"data", list_of(number)}},
                              {"index", "data"}))},
          {"EmbeddingsAnswer",
           list_schema(object({{"index", index}, {"object", typed("string")}, {"embedding", list_of(number)}},
                              {"index", "embedding"}))},
          {"Models",
           object({{"object", typed("string")}, {"data", list_of(typed("object"))}}, {"object", "data"})}};
}

struct PathText {
  const char* path;
  const char* summary;
  const char* request;  // names of schemas
  const char* answer;
};

constexpr PathText kPosts[] = {
    {"/v1/score",
     "Scores rows as the program score reads them; JSON Lines in a body of type application/x-ndjson",
     "ScoreRequest", "ScoreAnswer"},
    {"/get_reward", "OpenRLHF's remote reward model", "RewardRequest", "RewardAnswer"},
    {"/slime", "slime's remote_rm", "SlimeRequest", "SlimeAnswer"},
    {"/classify", "vLLM's and SGLang's classification", "ClassifyRequest", "ClassifyAnswer"},
    {"/v1/classify", "The same under SGLang's other path", "ClassifyRequest", "ClassifyAnswer"},
    {"/pooling", "vLLM's pooling", "PoolingRequest", "PoolingAnswer"},
    {"/v1/embeddings", "The score as an embedding of one number, as verl asks SGLang for it",
     "EmbeddingsRequest", "EmbeddingsAnswer"}};

struct Failure {
  const char* status;
  const char* description;
};
constexpr Failure kFailures[] = {
    {"400", "The body is no JSON, the HTTP is malformed, or a header is repeated"},
    {"401", "An API key is needed"},
    {"404", "Another model than the one served"},
    {"405", "Another method than the path takes; see Allow"},
    {"408", "The request did not arrive in time"},
    {"409", "Another fingerprint than the one served"},
    {"413", "Too large; the message names field and limit"},
    {"415", "The body is compressed, or of another charset than UTF-8"},
    {"422", "A field or a row cannot be used; the message names it"},
    {"429", "Too much waits; see Retry-After"},
    {"431", "The head of the request is too large"},
    {"500", "The server failed; its log has the reason"},
    {"503", "The model is being loaded, the server ends, or has too much open; see Retry-After"}};
constexpr std::string_view kOfReads = "400 401 405 408 413 431 500 503";  // of the paths without a body

ordered_json content(const char* schema) { return {{"application/json", {{"schema", ref(schema)}}}}; }

ordered_json header(const char* description) {
  return {{"description", description}, {"schema", typed("string")}};
}

ordered_json headers_of(std::string_view status) {
  ordered_json headers{{"X-Model-Fingerprint", header("Of the model, once it is known")}};
  if (status == "401") headers["WWW-Authenticate"] = header("Bearer");
  if (status == "405") headers["Allow"] = header("Methods of the path");
  if (status == "429" || status == "503") headers["Retry-After"] = header("Seconds");
  return headers;
}

void add_failures(ordered_json& responses, std::string_view statuses = {}) {
  for (const Failure& failure : kFailures)
    if (statuses.empty() || statuses.find(failure.status) != std::string_view::npos)
      responses[failure.status] = {{"description", failure.description},
                                   {"headers", headers_of(failure.status)},
                                   {"content", content("Error")}};
}

ordered_json scores(const PathText& text) {
  ordered_json headers = headers_of("200");
  headers["X-Ignored-Fields"] = header("Fields without an effect");
  headers["X-Row-Warnings"] = header("Numbers of rows whose scores may not mean what was meant");
  return {{"description", "Scores"}, {"headers", std::move(headers)}, {"content", content(text.answer)}};
}

ordered_json post(const PathText& text) {
  ordered_json responses{{"200", scores(text)}};
  add_failures(responses);
  ordered_json body{{"required", true}, {"content", content(text.request)}};
  if (std::string_view(text.path) == "/v1/score") {
    for (const char* type : {"application/x-ndjson", "application/jsonl"})
      body["content"][type] = {{"schema", ref("Row")}};
    responses["200"]["content"]["application/x-ndjson"] = {{"schema", ref("Result")}};
  }
  return {{"post", {{"summary", text.summary}, {"requestBody", body}, {"responses", responses}}}};
}

ordered_json get(const char* summary, ordered_json content) {
  ordered_json responses{
      {"200", {{"description", summary}, {"headers", headers_of("200")}, {"content", std::move(content)}}}};
  add_failures(responses, kOfReads);
  return {{"get", {{"summary", summary}, {"responses", std::move(responses)}}}};
}

ordered_json paths() {
  ordered_json out;
  for (const PathText& text : kPosts) out[text.path] = post(text);
  const ordered_json any{{"application/json", {{"schema", typed("object")}}}};
  out["/v1/models"] = get("The model that is served", content("Models"));
  out["/health"] = get("Whether the server runs", any);
  out["/ready"] = get("Whether the model is loaded; 503 otherwise", any);
  out["/metrics"] = get("Counters for Prometheus", {{"text/plain", {{"schema", typed("string")}}}});
  out["/openapi.json"] = get("This description", any);
  return out;
}

}  // namespace

std::string openapi_text() {
  const ordered_json document{
      {"openapi", "3.1.0"},
      {"info",
       {{"title", "ArmoRM reward server"},
        {"version", kVersion},
        {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
      {"paths", paths()},
      {"components",
       {{"schemas", schemas()}, {"securitySchemes", {{"key", {{"type", "http"}, {"scheme", "bearer"}}}}}}},
      {"security", {ordered_json::object(), {{"key", ordered_json::array()}}}}};
  return document.dump() + "\n";
}

}  // namespace armorm::serve
