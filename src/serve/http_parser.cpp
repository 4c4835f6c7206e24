#include "serve/http_parser.h"

#include <fmt/core.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <utility>

#include "serve/http_head.h"

namespace armorm::serve {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;

std::string text(boost::beast::string_view bytes) { return {bytes.data(), bytes.size()}; }
boost::beast::string_view view(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

HttpRefusal refusal_of(const error_code& error, std::size_t max_header_bytes) {
  if (error == http::error::header_limit)
    return {431,
            fmt::format("the head of the request is larger than max_header_bytes, {}", max_header_bytes)};
  if (error == http::error::bad_version) return {505, "the version of HTTP is neither 1.0 nor 1.1"};
  return {400, "malformed HTTP: " + error.message()};
}

std::size_t count_of(const HttpHead& head, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(head.headers.begin(), head.headers.end(),
                    [&](const auto& header) { return boost::beast::iequals(header.first, view(name)); }));
}

// Where two readers could disagree about the end of a request or about its host, none of the two readings is
// taken (RFC 9112, 3.2, 6.1 and 6.3).
std::optional<HttpRefusal> ambiguity(const HttpHead& head, bool is_http_1_0) {
  const std::size_t lengths = count_of(head, "content-length");
  const std::size_t encodings = count_of(head, "transfer-encoding");
  const std::size_t hosts = count_of(head, "host");
  if (lengths > 1 || head.header("content-length").find(',') != std::string_view::npos)
    return HttpRefusal{400, "the request has more than one Content-Length"};
  if (lengths > 0 && encodings > 0)
    return HttpRefusal{400, "the request has both Content-Length and Transfer-Encoding"};
  if (encodings > 0 && is_http_1_0) return HttpRefusal{400, "HTTP/1.0 has no Transfer-Encoding"};
  if (encodings > 0 &&
      (encodings > 1 || !boost::beast::iequals(view(head.header("transfer-encoding")), "chunked")))
    return HttpRefusal{501, "the only Transfer-Encoding that is supported is 'chunked'"};
  if (hosts > 1 || (hosts == 0 && !is_http_1_0))
    return HttpRefusal{400, "the request needs exactly one Host header"};
  return std::nullopt;
}

}  // namespace

class RequestParser::Parser : public http::basic_parser<true> {
 public:
  explicit Parser(std::size_t max_header_bytes) : max_header_bytes_(max_header_bytes) {
    header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(max_header_bytes, UINT32_MAX)));
    body_limit(boost::none);  // the connection counts, because streamed bodies have no limit
  }

  std::size_t read(std::string_view bytes) {
    error_code error;
    const bool had_head = is_header_done();
    eager(had_head);
    const std::size_t taken = put(boost::asio::buffer(bytes.data(), bytes.size()), error);
    // The line of a chunk's size and the trailer are read as a whole.
    if (error == http::error::need_more && had_head && bytes.size() - taken > max_header_bytes_)
      error = http::error::header_limit;
    if (error && error != http::error::need_more)
      refusal_ = refusal_of(error, max_header_bytes_);
    else if (!had_head && is_header_done())
      check_head();
    if (!had_head) head_bytes_ += taken;
    // Beast's limit is of the request line and of the fields, each.
    if (!had_head && head_bytes_ > max_header_bytes_)
      refusal_ = refusal_of(http::error::header_limit, max_header_bytes_);
    return taken;
  }

  HttpHead head_;
  std::string body_;
  std::optional<HttpRefusal> refusal_;
  bool is_http_1_0_ = false;

 private:
  void check_head() {
    std::optional<Target> target = serve::parse_target(target_);
    refusal_ = target ? ambiguity(head_, is_http_1_0_)
                      : HttpRefusal{400, "the target of the request is no path of this server"};
    if (!target) return;
    head_.path = std::move(target->path);
    head_.query = std::move(target->query);
  }

  void on_request_impl(http::verb, boost::beast::string_view method, boost::beast::string_view target,
                       int version, error_code&) override {
    head_.method = text(method);
    target_ = text(target);
    is_http_1_0_ = version == 10;
  }
  void on_field_impl(http::field, boost::beast::string_view name, boost::beast::string_view value,
                     error_code&) override {
    if (!is_header_done()) head_.headers.emplace_back(text(name), text(value));  // no trailers
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(boost::beast::string_view bytes, error_code&) override {
    body_.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  std::size_t on_chunk_body_impl(std::uint64_t, boost::beast::string_view bytes, error_code&) override {
    body_.append(bytes.data(), bytes.size());
    return bytes.size();
  }
  void on_response_impl(int, boost::beast::string_view, int, error_code&) override {}
  void on_header_impl(error_code&) override {}
  void on_chunk_header_impl(std::uint64_t, boost::beast::string_view, error_code&) override {}
  void on_finish_impl(error_code&) override {}

  const std::size_t max_header_bytes_;
  std::size_t head_bytes_ = 0;
  std::string target_;
};

RequestParser::RequestParser(std::size_t max_header_bytes)
    : parser_(std::make_unique<Parser>(max_header_bytes)) {}
RequestParser::~RequestParser() = default;

std::size_t RequestParser::put(std::string_view bytes) { return parser_->read(bytes); }
const std::optional<HttpRefusal>& RequestParser::refusal() const { return parser_->refusal_; }
bool RequestParser::has_head() const { return parser_->is_header_done(); }
bool RequestParser::is_complete() const { return parser_->is_done(); }
HttpHead RequestParser::take_head() { return std::move(parser_->head_); }
std::string RequestParser::take_body() { return std::exchange(parser_->body_, {}); }
bool RequestParser::has_body() const { return parser_->chunked() || content_length().value_or(0) > 0; }
bool RequestParser::is_http_1_0() const { return parser_->is_http_1_0_; }
bool RequestParser::keeps_alive() const { return parser_->keep_alive(); }

std::optional<std::uint64_t> RequestParser::content_length() const {
  const auto length = parser_->content_length();
  return length ? std::optional<std::uint64_t>(*length) : std::nullopt;
}

}  // namespace armorm::serve
