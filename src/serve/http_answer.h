// Answers as bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "serve/http_server.h"

namespace armorm::serve {

// What decides the framing of an answer besides the answer itself.
struct AnswerFraming {
  bool is_http_1_0 = false;
  bool is_head_request = false;  // the head of the answer alone
  bool closes = false;           // no further request on this connection
  // Of every answer, unless it has one of this name; may be null.
  const std::vector<std::pair<std::string, std::string>>* headers = nullptr;
};

// The complete answer. An answer whose headers could not be sent as they are (a line break, a name that is no
// token, a header of the framing) is replaced by 500 and logged, so that no value can end its line.
std::string encode_answer(const HttpAnswer& answer, const AnswerFraming& framing);
// The head of an answer in pieces: chunked, in HTTP/1.0 up to the end of the connection.
std::string encode_start(int status, const std::string& content_type, const AnswerFraming& framing);
std::string encode_chunk(std::string_view piece);
constexpr std::string_view kLastChunk = "0\r\n\r\n";
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace armorm::serve
