#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>

#include "serve/body_fields.h"
#include "serve/protocols/protocols.h"

namespace armorm::serve::protocols {
namespace {

using nlohmann::ordered_json;

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
  std::string field;    // where the rows stand: "input", "messages", "text", "conv"
  bool is_list = true;  // whether that is a list
};

void take_texts(BodyFields& fields, const std::string& name, const RequestLimits& limits, TextCall& call) {
  call.field = name;
  call.is_list = !fields.is_string(name);
  for (std::string& text : fields.strings(name, limits)) {
    ScoreInput row;
    row.rendered = std::move(text);
    call.rows.push_back(std::move(row));
  }
}

void take_messages(BodyFields& fields, TextCall& call) {
  call.field = "messages";
  ScoreInput row;
  row.conversation = fields.messages("messages");
  call.rows.push_back(std::move(row));
}

// Of early versions of SGLang.
void take_conversations(BodyFields& fields, const RequestLimits& limits, TextCall& call) {
  call.field = "conv";
  for (Conversation& conversation : fields.conversations("conv", limits)) {
    ScoreInput row;
    row.conversation = std::move(conversation);
    call.rows.push_back(std::move(row));
  }
}

// Texts are rendered by a chat template already, as these servers expect them. `names`: the fields that this
// path takes rows from; a request has one of them.
std::unique_ptr<TextCall> parse_texts(const std::string& body, const ServedModel& model,
                                      const RequestLimits& limits, std::span<const char* const> names) {
  BodyFields fields(body);
  auto call = std::make_unique<TextCall>();
  fields.check_model(model);
  std::vector<std::string> given;
  std::ranges::copy_if(names, std::back_inserter(given), [&](const char* name) { return fields.has(name); });
  if (given.size() > 1)
    throw RequestError{
        422, fmt::format("body: has more than one of {}; send one of them", fmt::join(names, ", "))};
  const std::string name = given.empty() ? names.front() : given.front();
  fields.refuse_other_computations(name == "messages" || name == "conv");
  if (name == "messages")
    take_messages(fields, *call);
  else if (name == "conv")
    take_conversations(fields, limits, *call);
  else
    take_texts(fields, name, limits, *call);
  call->ignored = fields.rest();
  return call;
}

HttpAnswer list_answer(const char* id, const std::vector<ScoreOutput>& outputs, const ServedModel& model,
                       ordered_json (*entry)(std::size_t, double)) {
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

// What differs between the paths.
struct Form {
  std::string path;
  const char* id;  // begins the answer's id
  std::vector<const char*> names;
  ordered_json (*entry)(std::size_t index, double score);
};

class Texts : public Protocol {
 public:
  explicit Texts(Form form) : form_(std::move(form)) {}
  std::string_view path() const override { return form_.path; }

  std::unique_ptr<ScoreCall> parse(const HttpHead&, const std::string& body, const ServedModel& model,
                                   const RequestLimits& limits) const override {
    return parse_texts(body, model, limits, form_.names);
  }

  HttpAnswer answer(const ScoreCall& given, const std::vector<ScoreOutput>& outputs,
                    const ServedModel& model) const override {
    const auto& call = dynamic_cast<const TextCall&>(given);
    if (const auto error = first_failure(outputs, call.field)) return failure(*error);
    if (call.field == "text" || call.field == "conv") return sglang_answer(call, outputs);
    return list_answer(form_.id, outputs, model, form_.entry);
  }

  HttpAnswer failure(const RequestError& error) const override { return error_answer(error); }

 private:
  Form form_;
};

}  // namespace

std::unique_ptr<Protocol> classify(std::string path) {
  return std::make_unique<Texts>(Form{
      std::move(path), "classify", {"input", "messages", "text", "conv"}, [](std::size_t i, double score) {
        return ordered_json{{"index", i}, {"label", "LABEL_0"}, {"probs", {score}}, {"num_classes", 1}};
      }});
}

std::unique_ptr<Protocol> pooling(std::string path) {
  return std::make_unique<Texts>(
      Form{std::move(path), "pool", {"input", "messages"}, [](std::size_t i, double score) {
             return ordered_json{{"index", i}, {"object", "pooling"}, {"data", {score}}};
           }});
}

std::unique_ptr<Protocol> embeddings(std::string path) {
  return std::make_unique<Texts>(
      Form{std::move(path), "embd", {"input"}, [](std::size_t i, double score) {
             return ordered_json{{"index", i}, {"object", "embedding"}, {"embedding", {score}}};
           }});
}

}  // namespace armorm::serve::protocols
