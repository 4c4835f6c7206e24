#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "serve/body_fields.h"
#include "serve/protocols/protocols.h"

namespace armorm::serve::protocols {
namespace {

// Rendered texts as rows.
std::vector<ScoreInput> rendered_rows(std::vector<std::string> texts) {
  std::vector<ScoreInput> rows(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) rows[i].rendered = std::move(texts[i]);
  return rows;
}

// Lists that go with the queries; they do not decide a reward.
void check_companion(BodyFields& fields, const std::string& name, std::size_t queries) {
  if (!fields.has(name)) return;
  const std::size_t found = fields.count(name);
  if (found != queries)
    throw RequestError{422, fmt::format("{}: has {} entries, but query has {}", name, found, queries)};
}

class OpenRlhf : public Protocol {
 public:
  std::string_view path() const override { return "/get_reward"; }

  std::unique_ptr<ScoreCall> parse(const HttpHead&, const std::string& body, const ServedModel& model,
                                   const RequestLimits& limits) const override {
    BodyFields fields(body);
    fields.check_model(model);
    fields.refuse_other_computations(false);
    auto call = std::make_unique<ScoreCall>();
    call->rows = rendered_rows(fields.strings("query", limits));
    check_companion(fields, "prompts", call->rows.size());
    check_companion(fields, "labels", call->rows.size());
    call->ignored = fields.rest();
    return call;
  }

  // A client that gets an error tries again five or ten times. Then old ones fail; new ones log it and go on
  // with a sample whose reward is None. Both would train on any number.
  HttpAnswer answer(const ScoreCall&, const std::vector<ScoreOutput>& outputs,
                    const ServedModel& model) const override {
    if (const auto error = first_failure(outputs, "query")) return failure(*error);
    nlohmann::ordered_json scores = nlohmann::ordered_json::array();
    for (const ScoreOutput& output : outputs) scores.push_back(shortest(output.score));
    nlohmann::ordered_json logs = nlohmann::ordered_json::object();
    for (std::size_t k = 0; k < model.attributes.size(); ++k) {
      nlohmann::ordered_json& values = logs[model.attributes[k]] = nlohmann::ordered_json::array();
      for (const ScoreOutput& output : outputs) values.push_back(shortest(output.rewards[k]));
    }
    const nlohmann::ordered_json body{
        {"rewards", scores}, {"scores", scores}, {"extra_logs", std::move(logs)}};
    return {200, "application/json", body.dump() + "\n"};
  }

  HttpAnswer failure(const RequestError& error) const override { return error_answer(error); }
};

class Slime : public Protocol {
 public:
  std::string_view path() const override { return "/slime"; }

  std::unique_ptr<ScoreCall> parse(const HttpHead&, const std::string& body, const ServedModel& model,
                                   const RequestLimits&) const override {
    BodyFields fields(body);
    fields.check_model(model);
    fields.refuse_other_computations(!fields.is_string("prompt"));
    auto call = std::make_unique<ScoreCall>();
    const std::string response = fields.string("response");
    ScoreInput row;
    if (fields.is_string("prompt")) {
      row.rendered = fields.string("prompt") + response;
    } else {
      row.conversation = fields.messages("prompt");
      row.conversation.push_back({"assistant", response});
    }
    call->rows.push_back(std::move(row));
    call->ignored = fields.rest();
    std::erase(call->ignored, "label");  // of answers that are checked, not scored
    return call;
  }

  HttpAnswer answer(const ScoreCall&, const std::vector<ScoreOutput>& outputs,
                    const ServedModel&) const override {
    const ScoreOutput& output = outputs.front();
    if (!output.error.empty())
      return failure({output.is_server_fault ? 500 : 422, "prompt and response: " + output.error});
    return {200, "application/json", nlohmann::json(shortest(output.score)).dump() + "\n"};
  }

  HttpAnswer failure(const RequestError& error) const override { return error_answer(error); }
};

}  // namespace

std::unique_ptr<Protocol> openrlhf() { return std::make_unique<OpenRlhf>(); }
std::unique_ptr<Protocol> slime() { return std::make_unique<Slime>(); }

}  // namespace armorm::serve::protocols
