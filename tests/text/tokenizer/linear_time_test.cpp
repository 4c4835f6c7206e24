#include "support/linear_time.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "text/tokenizer/tokenizer.h"

using namespace armorm;

TEST_CASE("Vocabulary, merges and added tokens are read in linear time") {
  test::check_linear_time(40'000, [](std::size_t n) {
    std::string vocab = R"("a":0)", merges, added;
    for (std::size_t i = 1; i < n; ++i) {
      vocab += fmt::format(R"(,"{}":{})", i, i);
      vocab += fmt::format(R"(,"a{}":{})", i, n + i);
      merges += fmt::format(R"({}"a {}")", i == 1 ? "" : ",", i);
      added +=
          fmt::format(R"({}{{"id":{},"content":"<{}>","special":true}})", i == 1 ? "" : ",", 2 * n + i, i);
    }
    const std::string text =
        fmt::format(R"({{"added_tokens":[{}],"model":{{"type":"BPE","vocab":{{{}}},"merges":[{}]}}}})", added,
                    vocab, merges);
    return [text] { text::tokenizer::Tokenizer::from_json(text, "generated"); };
  });
}
