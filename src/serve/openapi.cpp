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
ordered_json texts() { return either({typed("string"), list_of(typed("string"))}); }

ordered_json message_schema() {
  return object(
      {{"role", typed("string")}, {"content", either({typed("string"), typed("array"), typed("null")})}},
      {"role"});
}

ordered_json row_schema() {
  const ordered_json messages = list_of(ref("Message"));
  return either({messages, object({{"id", ordered_json::object()},
                                   {"messages", messages},
                                   {"prompt", either({typed("string"), messages})},
                                   {"response", typed("string")}},
                                  {})});
}

ordered_json result_schema() {
  return object({{"id", ordered_json::object()},
                 {"line", typed("integer")},
                 {"error", typed("string")},
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
          {"ScoreRequest", either({object({{"rows", list_of(ref("Row"))},
                                           {"fields", either({fields, list_of(fields)})},
                                           {"model", typed("string")}},
                                          {"rows"}),
                                   ref("Row")})},
          {"ScoreAnswer", object({{"model", typed("string")},
                                  {"fingerprint", typed("string")},
                                  {"results", list_of(ref("Result"))}},
                                 {"model", "fingerprint", "results"})},
          {"RewardRequest",
           object({{"query", texts()}, {"prompts", typed("array")}, {"labels", typed("array")}}, {"query"})},
          {"RewardAnswer",
           object({{"rewards", list_of(number)},
                   {"scores", list_of(number)},
                   {"extra_logs", {{"type", "object"}, {"additionalProperties", list_of(number)}}}},
                  {"rewards", "scores", "extra_logs"})},
          {"SlimeRequest", object({{"prompt", either({typed("string"), list_of(ref("Message"))})},
                                   {"response", typed("string")},
                                   {"label", ordered_json::object()}},
                                  {"prompt", "response"})},
          {"SlimeAnswer", number},
          {"TextsRequest", object({{"model", typed("string")},
                                   {"input", texts()},
                                   {"text", texts()},
                                   {"messages", list_of(ref("Message"))},
                                   {"conv", list_of(list_of(ref("Message")))}},
                                  {})},
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
    {"/classify", "vLLM's and SGLang's classification", "TextsRequest", "ClassifyAnswer"},
    {"/v1/classify", "The same under SGLang's other path", "TextsRequest", "ClassifyAnswer"},
    {"/pooling", "vLLM's pooling", "TextsRequest", "PoolingAnswer"},
    {"/v1/embeddings", "The score as an embedding of one number, as verl asks SGLang for it", "TextsRequest",
     "EmbeddingsAnswer"}};

constexpr std::pair<const char*, const char*> kFailures[] = {
    {"400", "The body is no JSON"},
    {"401", "An API key is needed"},
    {"404", "Another model than the one served"},
    {"409", "Another fingerprint than the one served"},
    {"413", "Too large; the message names field and limit"},
    {"415", "The body is compressed"},
    {"422", "A field or a row cannot be used; the message names it"},
    {"429", "Too much waits; see Retry-After"},
    {"503", "The model is being loaded, or the server ends; see Retry-After"}};

ordered_json content(const char* schema) { return {{"application/json", {{"schema", ref(schema)}}}}; }

ordered_json post(const PathText& text) {
  ordered_json responses{{"200", {{"description", "Scores"}, {"content", content(text.answer)}}}};
  for (const auto& [status, description] : kFailures)
    responses[status] = {{"description", description}, {"content", content("Error")}};
  ordered_json body{{"required", true}, {"content", content(text.request)}};
  if (std::string_view(text.path) == "/v1/score")
    body["content"]["application/x-ndjson"] = {{"schema", ref("Row")}};
  return {{"post", {{"summary", text.summary}, {"requestBody", body}, {"responses", responses}}}};
}

ordered_json get(const char* summary, ordered_json content) {
  return {{"get",
           {{"summary", summary},
            {"responses", {{"200", {{"description", summary}, {"content", std::move(content)}}}}}}}};
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
