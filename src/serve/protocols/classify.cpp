#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>

#include "serve/body_fields.h"
#include "serve/protocols/protocols.h"

namespace armorm::serve::protocols {
namespace {

using nlohmann::ordered_json;

constexpr const char* kNoActivation = "scores are given as they are; leave it out";

// Fields of vLLM and SGLang that would change what is computed.
void refuse_other_computations(BodyFields& fields) {
  for (const char* name : {"activation", "use_activation", "softmax", "normalize"})
    fields.refuse(name, "false", kNoActivation);
  fields.refuse("truncate_prompt_tokens", "null", "texts are never cut; send shorter ones");
  fields.refuse("padding", "\"do_not_pad\"", "texts are never padded; leave it out");
  for (const char* name : {"mm_processor_kwargs", "media_io_kwargs"})
    fields.refuse(name, "{}", "images and other media are not scored");
  fields.refuse("dimensions", "null", "a score has one dimension; leave it out");
  fields.refuse("encoding_format", "\"float\"", "only \"float\" is supported");
  fields.refuse("embed_dtype", "\"float32\"", "only \"float32\" is supported");
  fields.refuse("add_generation_prompt", "false", "an answer is scored, not the start of the next one");
  fields.refuse("continue_final_message", "false", "the last message is complete");
  fields.refuse("chat_template", "null", "the model's own chat template is used");
  fields.refuse("chat_template_kwargs", "{}", "the model's own chat template is used without arguments");
  fields.refuse("tools", "[]", "tools are not rendered");
  fields.refuse("input_ids", "null", "token ids are not accepted; send texts or messages");
}

std::int64_t now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

ordered_json usage(const std::vector<ScoreOutput>& outputs) {
  const std::int64_t tokens =
      std::accumulate(outputs.begin(), outputs.end(), std::int64_t{0},
                      [](std::int64_t n, const ScoreOutput& o) { return n + o.tokens; });
  return {{"prompt_tokens", tokens}, {"total_tokens", tokens}, {"completion_tokens", 0}};
}

struct TextCall : ScoreCall {
  std::string field;    // where the rows stand: "input", "messages", "text"
  bool is_list = true;  // whether that is a list
};

void take_texts(BodyFields& fields, const std::string& name, const RequestLimits& limits, TextCall& call) {
  call.field = name;
  call.is_list = !fields.is_string(name);
  for (std::string& text : fields.strings(name)) {
    ScoreInput row;
    row.rendered = std::move(text);
    call.rows.push_back(std::move(row));
  }
  check_rows(name, call.rows.size(), limits);
}

void take_messages(BodyFields& fields, TextCall& call) {
  call.field = "messages";
  ScoreInput row;
  row.conversation = fields.messages("messages");
  call.rows.push_back(std::move(row));
}

// Texts are rendered by a chat template already, as these servers expect them.
std::unique_ptr<TextCall> parse_texts(const std::string& body, const ServedModel& model,
                                      const RequestLimits& limits, bool sglang) {
  BodyFields fields(body);
  auto call = std::make_unique<TextCall>();
  fields.check_model(model);
  refuse_other_computations(fields);
  const bool several = fields.has("input") + fields.has("messages") + (sglang && fields.has("text")) > 1;
  if (several)
    throw RequestError{422, "body: has more than one of input, messages and text; send one of them"};
  if (sglang && fields.has("text"))
    take_texts(fields, "text", limits, *call);
  else if (fields.has("messages"))
    take_messages(fields, *call);
  else
    take_texts(fields, "input", limits, *call);
  call->ignored = fields.rest();
  return call;
}

HttpAnswer list_answer(const char* id, const std::vector<ScoreOutput>& outputs, const ServedModel& model,
                       const std::function<ordered_json(std::size_t, double)>& entry) {
  ordered_json data = ordered_json::array();
  for (std::size_t i = 0; i < outputs.size(); ++i) data.push_back(entry(i, shortest(outputs[i].score)));
  const ordered_json body{{"id", fmt::format("{}-{}", id, model.fingerprint.substr(0, 16))},
                          {"object", "list"},
                          {"created", now()},
                          {"model", model.name},
                          {"data", std::move(data)},
                          {"usage", usage(outputs)}};
  return {200, "application/json", body.dump() + "\n"};
}

// SGLang answers a list with a list, and a text with an object.
HttpAnswer sglang_answer(const TextCall& call, const std::vector<ScoreOutput>& outputs) {
  ordered_json list = ordered_json::array();
  for (const ScoreOutput& output : outputs)
    list.push_back(
        {{"embedding", {shortest(output.score)}}, {"meta_info", {{"prompt_tokens", output.tokens}}}});
  const ordered_json& body = call.is_list ? list : list.front();
  return {200, "application/json", body.dump() + "\n"};
}

class Classify : public Protocol {
 public:
  explicit Classify(std::string path) : path_(std::move(path)) {}
  std::string_view path() const override { return path_; }

  std::unique_ptr<ScoreCall> parse(const HttpHead&, const std::string& body, const ServedModel& model,
                                   const RequestLimits& limits) const override {
    return parse_texts(body, model, limits, /*sglang=*/true);
  }

  HttpAnswer answer(const ScoreCall& given, const std::vector<ScoreOutput>& outputs,
                    const ServedModel& model) const override {
    const auto& call = dynamic_cast<const TextCall&>(given);
    if (const auto error = first_failure(outputs, call.field)) return failure(*error);
    if (call.field == "text") return sglang_answer(call, outputs);
    return list_answer("classify", outputs, model, [](std::size_t i, double score) {
      return ordered_json{{"index", i}, {"label", "LABEL_0"}, {"probs", {score}}, {"num_classes", 1}};
    });
  }

  HttpAnswer failure(const RequestError& error) const override { return error_answer(error); }

 private:
  std::string path_;
};

class Pooling : public Protocol {
 public:
  explicit Pooling(std::string path) : path_(std::move(path)) {}
  std::string_view path() const override { return path_; }

  std::unique_ptr<ScoreCall> parse(const HttpHead&, const std::string& body, const ServedModel& model,
                                   const RequestLimits& limits) const override {
    return parse_texts(body, model, limits, /*sglang=*/false);
  }

  HttpAnswer answer(const ScoreCall& given, const std::vector<ScoreOutput>& outputs,
                    const ServedModel& model) const override {
    const auto& call = dynamic_cast<const TextCall&>(given);
    if (const auto error = first_failure(outputs, call.field)) return failure(*error);
    return list_answer("pool", outputs, model, [](std::size_t i, double score) {
      return ordered_json{{"index", i}, {"object", "pooling"}, {"data", {score}}};
    });
  }

  HttpAnswer failure(const RequestError& error) const override { return error_answer(error); }

 private:
  std::string path_;
};

}  // namespace

std::unique_ptr<Protocol> classify(std::string path) { return std::make_unique<Classify>(std::move(path)); }
std::unique_ptr<Protocol> pooling(std::string path) { return std::make_unique<Pooling>(std::move(path)); }

}  // namespace armorm::serve::protocols
