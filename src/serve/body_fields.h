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
  std::vector<std::string> strings(const std::string& name);   // a string, or a list of strings
  std::vector<std::string> elements(const std::string& name);  // JSON texts of a list
  Conversation messages(const std::string& name);
  std::vector<Conversation> conversations(const std::string& name);  // a list of lists of messages
  bool is_string(const std::string& name) const;

  // 404 for another model than the one served.
  void check_model(const ServedModel& model);
  // 422 if the field is there with another value than null and the JSON text `harmless`.
  void refuse(const std::string& name, std::string_view harmless, std::string_view reason);
  // Fields that were neither read nor refused.
  std::vector<std::string> rest() const;

 private:
  struct Field {
    data::JsonReader reader;
    std::string_view text;
  };
  const Field* find(const std::string& name) const;
  data::JsonReader take(const std::string& name, std::string_view expected);
  [[noreturn]] static void fail(const std::string& name, data::JsonReader::Kind found,
                                std::string_view expected);

  std::string where_ = "body";
  std::map<std::string, Field> fields_;
  std::set<std::string> used_;
};

// 413 that names the field and the limit.
void check_rows(const std::string& field, std::size_t rows, const RequestLimits& limits);

// {"error": {"message": ..., "type": ..., "code": status}}, as OpenAI's clients read it.
HttpAnswer error_answer(const RequestError& error);

// The number that reads back as the same float32, in its shortest form.
double shortest(float value);

// 422 that names the first row without a score; nullopt if there is none.
std::optional<RequestError> first_failure(const std::vector<ScoreOutput>& outputs, const std::string& field);

}  // namespace armorm::serve
