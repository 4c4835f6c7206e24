// The fields of a request's JSON object. What is given is used, listed as ignored, or an error.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "data/json_reader.h"
#include "serve/protocol.h"

namespace armorm::serve {

class BodyFields {
 public:
  // RequestError: 400 for what is no JSON, 422 for another type than an object. `body` outlives it.
  explicit BodyFields(const std::string& body);

  // Whether the field is there and not null.
  bool has(const std::string& name) const { return find(name) != nullptr; }
  // RequestError 422 where it is missing or of another type.
  std::string string(const std::string& name);
  // A string, or a list of strings. The lists below have at most `limits.max_rows` entries: RequestError 413
  // beyond it, and 422 for none, before anything is copied.
  std::vector<std::string> strings(const std::string& name, const RequestLimits& limits);
  std::vector<std::string> elements(const std::string& name, const RequestLimits& limits);  // JSON texts
  std::vector<Conversation> conversations(const std::string& name, const RequestLimits& limits);
  std::size_t count(const std::string& name);  // of a list's entries
  Conversation messages(const std::string& name);
  bool is_string(const std::string& name) const;

  // 404 for another model than the one served.
  void check_model(const ServedModel& model);
  // 422 if the field is there with another value than null and those of `harmless`, a JSON list.
  void refuse(const std::string& name, std::string_view harmless, std::string_view reason);
  // 422 for the fields of other servers that would change what is computed, unless their value does not.
  // `is_chat`: the request has messages, to which the chat template adds the special tokens.
  void refuse_other_computations(bool is_chat);
  // Fields that were neither read nor refused.
  std::vector<std::string> rest() const;

 private:
  struct Field {
    data::JsonReader reader;
    std::string_view text;
  };
  const Field* find(const std::string& name) const;
  data::JsonReader take_list(const std::string& name, std::string_view expected);
  data::JsonReader take(const std::string& name, std::string_view expected);
  [[noreturn]] static void fail(const std::string& name, data::JsonReader::Kind found,
                                std::string_view expected);

  std::string where_ = "body";
  std::map<std::string, Field> fields_;
  std::set<std::string> used_;
};

// 422 for none, 413 that names the field and the limit for too many.
void check_rows(const std::string& field, std::size_t rows, const RequestLimits& limits);

// Data error for a row of so many JSON values that a few bytes each would take far more memory as values.
void check_values(std::string_view json);

// {"error": {"message": ..., "type": ..., "code": status}}, as OpenAI's clients read it.
HttpAnswer error_answer(const RequestError& error);

// The number that reads back as the same float32, in its shortest form.
double shortest(float value);

// 422 that names the first row without a score, 500 if the server failed at one; nullopt if there is none.
std::optional<RequestError> first_failure(const std::vector<ScoreOutput>& outputs, const std::string& field);

}  // namespace armorm::serve
