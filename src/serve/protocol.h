// What clients send and get: from the body of a request to rows, and from their scores to the answer. A
// protocol is a pure function of these.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/conversation_row.h"
#include "serve/http_server.h"

namespace armorm::serve {

struct ServedModel {
  std::string name;                     // --served_model_name, by default that of the folder
  std::string fingerprint;              // of all that decides a score, hex
  std::vector<std::string> attributes;  // [K]
  std::int64_t max_length = 0;          // tokens
  std::int64_t created = 0;             // Unix time at which the server had loaded it
};

// One conversation, or the text that a chat template made of one.
struct ScoreInput : data::RowKeys {
  Conversation conversation;
  std::optional<std::string> rendered;  // in place of `conversation`
  std::string error;                    // why it cannot be scored; empty if it may be
};

struct ScoreOutput {
  std::string error;  // why there is no score; empty if there is one
  float score = 0.0F;
  std::vector<float> rewards;  // [K] each
  std::vector<float> gate;
  std::vector<float> contributions;
  std::vector<float> coefficients;
  std::int64_t tokens = 0;
  bool is_server_fault = false;     // no score, for a reason that is not the row's
  bool no_final_answer = false;     // the conversation does not end with an answer; it is scored all the same
  bool special_in_content = false;  // a turn holds the text of a special token
  bool open_answer = false;         // a rendered text does not end as the template ends an answer
};

// The limits of one request; a request beyond them gets 413 that names the field and the limit.
struct RequestLimits {
  std::int64_t max_rows = 1024;
};

// A request that was read. Further members of a protocol's own are in a type derived from it.
struct ScoreCall {
  virtual ~ScoreCall() = default;
  std::vector<ScoreInput> rows;
  std::vector<std::string>
      ignored;  // fields without an effect; the answer's header X-Ignored-Fields names them
};

// An error of a request: `status` and a message that names the field, what was found and what was expected.
struct RequestError {
  int status = 400;
  std::string message;
};

class Protocol {
 public:
  virtual ~Protocol() = default;
  virtual std::string_view path() const = 0;  // "/get_reward"
  // Whether this request is a stream of rows, which are read and answered line by line (score_line.h).
  virtual bool streams(const HttpHead&) const { return false; }
  // Throws RequestError: 400 for what is no JSON, 422 for fields of another type, 413 for too many rows, 404
  // for another model than the one served.
  virtual std::unique_ptr<ScoreCall> parse(const HttpHead& head, const std::string& body,
                                           const ServedModel& model, const RequestLimits& limits) const = 0;
  // `outputs` in the order of the rows. Where the protocol has no place for a row's error, the answer is 422
  // (or what its client understands as a failure), and names the row.
  virtual HttpAnswer answer(const ScoreCall& call, const std::vector<ScoreOutput>& outputs,
                            const ServedModel& model) const = 0;
  // The body of an answer without scores (400 to 503) as this protocol's clients expect it.
  virtual HttpAnswer failure(const RequestError& error) const = 0;
};

// Headers of an answer and of a request: a client that sends the fingerprint gets answers of that model
// alone.
inline constexpr const char* kFingerprintHeader = "X-Model-Fingerprint";
HttpAnswer with_fingerprint(HttpAnswer answer, const ServedModel& model);
// X-Ignored-Fields with the fields of the call and of its rows that have no effect, if there are any.
HttpAnswer with_ignored(HttpAnswer answer, const ScoreCall& call);
// X-Row-Warnings with the number of rows whose scores may not mean what the client expects, if there are any.
HttpAnswer with_warnings(HttpAnswer answer, const std::vector<ScoreOutput>& outputs);
// 415 for a body that is compressed, or of another charset than UTF-8.
std::optional<RequestError> unreadable_body(const HttpHead& head);
// 409, if the request asks for another model; 400, if it names more than one.
std::optional<RequestError> other_fingerprint(const HttpHead& head, const ServedModel& model);

HttpAnswer models_answer(const ServedModel& model);  // of /v1/models

}  // namespace armorm::serve
