#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/words.h"
#include "serve/body_fields.h"
#include "serve/http_head.h"
#include "serve/protocols/protocols.h"
#include "serve/score_line.h"

namespace armorm::serve::protocols {
namespace {

struct RowsCall : ScoreCall {
  std::vector<ScoreField> fields;
};

std::vector<ScoreField> fields_of(BodyFields& body) {
  constexpr auto kWords = words_of(ScoreField{});
  if (!body.has("fields"))
    return {ScoreField::score, ScoreField::rewards, ScoreField::gate, ScoreField::contributions};
  if (!body.is_string("fields") && body.count("fields") > kWords.size())
    throw RequestError{422, fmt::format("fields: has {} words, expected each of {} once at most",
                                        body.count("fields"), fmt::join(kWords, ", "))};
  std::vector<ScoreField> fields;
  for (const std::string& word : body.strings("fields", {})) {
    const auto* const found = std::ranges::find(kWords, word);
    if (found == kWords.end())
      throw RequestError{422, fmt::format("fields: found '{}', expected {}", word, fmt::join(kWords, ", "))};
    const auto field = static_cast<ScoreField>(found - kWords.begin());
    if (std::ranges::find(fields, field) != fields.end())
      throw RequestError{422, fmt::format("fields: '{}' appears twice", word)};
    fields.push_back(field);
  }
  return fields;
}

class ScoreRows : public Protocol {
 public:
  std::string_view path() const override { return "/v1/score"; }

  bool streams(const HttpHead& head) const override {
    const std::string type = parse_media_type(head.header("Content-Type")).name;
    return type == "application/x-ndjson" || type == "application/jsonl";
  }

  std::unique_ptr<ScoreCall> parse(const HttpHead&, const std::string& body, const ServedModel& model,
                                   const RequestLimits& limits) const override {
    BodyFields fields(body);
    auto call = std::make_unique<RowsCall>();
    fields.check_model(model);
    call->fields = fields_of(fields);
    if (!fields.has("rows")) return one_row(body, std::move(call));
    fields.refuse_other_computations(true);
    const std::vector<std::string> rows = fields.elements("rows", limits);
    for (const std::string& row : rows) call->rows.push_back(parse_score_line(row));
    call->ignored = fields.rest();
    return call;
  }

  HttpAnswer answer(const ScoreCall& given, const std::vector<ScoreOutput>& outputs,
                    const ServedModel& model) const override {
    const auto& call = dynamic_cast<const RowsCall&>(given);
    const ScoreLines lines(model.attributes, call.fields);
    fmt::memory_buffer out;
    fmt::format_to(std::back_inserter(out), "{{\"model\":{},\"fingerprint\":\"{}\",\"results\":[",
                   nlohmann::json(model.name).dump(), model.fingerprint);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (i > 0) out.push_back(',');
      lines.add({static_cast<std::int64_t>(i) + 1, call.rows[i].id}, outputs[i], out);
      out.resize(out.size() - 1);  // the end of the line
    }
    fmt::format_to(std::back_inserter(out), "]}}\n");
    return {200, "application/json", {out.data(), out.size()}};
  }

  HttpAnswer failure(const RequestError& error) const override { return error_answer(error); }

 private:
  // The body is a row as score reads it, to which model and fields may be added.
  static std::unique_ptr<ScoreCall> one_row(const std::string& body, std::unique_ptr<RowsCall> call) {
    call->rows.push_back(parse_score_line(body));
    std::erase_if(call->rows.front().unused,
                  [](const std::string& key) { return key == "model" || key == "fields"; });
    if (const std::string& error = call->rows.front().error; !error.empty())
      throw RequestError{422, error + ", or {\"rows\": [...]}"};
    return call;
  }
};

}  // namespace

std::unique_ptr<Protocol> score_rows() { return std::make_unique<ScoreRows>(); }

}  // namespace armorm::serve::protocols
