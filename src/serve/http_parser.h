// Requests from bytes: Boost.Beast's parser, with what it lets pass and a server must refuse.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "serve/http_server.h"

namespace armorm::serve {

// Why a request is not answered by a handler.
struct HttpRefusal {
  int status;
  std::string message;
};

// One request. Stops at the end of its head and at its end; never reads into the next one.
class RequestParser {
 public:
  explicit RequestParser(std::size_t max_header_bytes);
  ~RequestParser();

  // Returns how many of the bytes were read; the others are to be given again, with more behind them.
  std::size_t put(std::string_view bytes);

  const std::optional<HttpRefusal>& refusal() const;
  bool has_head() const;
  bool is_complete() const;

  // From here on: once has_head().
  HttpHead take_head();
  std::string take_body();  // what was read of the body since the last call
  std::optional<std::uint64_t> content_length() const;
  bool has_body() const;
  bool is_http_1_0() const;
  bool keeps_alive() const;

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace armorm::serve
