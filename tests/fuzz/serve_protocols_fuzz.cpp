// Bodies of requests; the first byte chooses the protocol.
#include "fuzz/driver.h"
#include "serve/protocols/protocols.h"
#include "serve/score_line.h"

namespace armorm::fuzz {

const MemoryBound kMemoryBound{1024, 32 << 20};

void read_input(std::string_view input) {
  static const auto protocols = serve::protocols::all();
  static const serve::ServedModel model{"m", "0123456789abcdef", {"a"}, 4096, 0};
  if (input.empty()) return;
  const std::size_t choice = static_cast<unsigned char>(input[0]) % (protocols.size() + 1);
  const std::string body(input.substr(1));
  if (choice == protocols.size()) {
    const serve::ScoreInput row = serve::parse_score_line(body);
    require(!row.error.empty() || !row.conversation.empty(), "a row of nothing");
    return;
  }
  try {
    const auto call = protocols[choice]->parse({}, body, model, {.max_rows = 8});
    require(!call->rows.empty() && call->rows.size() <= 8, "rows beyond the limit");
  } catch (const serve::RequestError& error) {
    require(error.status >= 400 && error.status < 500 && !error.message.empty(), "an error without a reason");
    touch(protocols[choice]->failure(error).body);
  }
}

}  // namespace armorm::fuzz
