#include "armorm/text/tokenizer.h"

#include <nlohmann/json.hpp>

#include "armorm/core/error.h"
#include "armorm/io/publish.h"
#include "armorm/text/conversation_tokens.h"
#include "armorm/text/gating_pattern.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::test;
using nlohmann::json;

namespace {

using Ids = std::vector<TokenId>;

json llama3_golden() { return json::parse(read_text_file(golden("text/tokenizer_llama3.json"))); }

const Tokenizer& llama3() {
  static const Tokenizer tokenizer = Tokenizer::load(shared_dir() / "llama3-tokenizer");
  return tokenizer;
}

}  // namespace

TEST_CASE("Llama-3 ids are those of the tokenizers package", "[golden]") {
  if (shared_dir().empty()) ARMORM_SKIP("the shared folder with the Llama-3 tokenizer is not there");
  const json golden = llama3_golden();
  REQUIRE(golden["cases"].size() > 60);
  for (const json& c : golden["cases"]) {
    INFO(c["text"].dump());
    CHECK(llama3().encode(c["text"].get<std::string>(), false) == c["ids"].get<Ids>());
    CHECK(llama3().encode(c["text"].get<std::string>(), true) == c["with_bos"].get<Ids>());
  }
}

TEST_CASE("special-token strings in content are plain text", "[golden]") {
  if (shared_dir().empty()) ARMORM_SKIP("the shared folder with the Llama-3 tokenizer is not there");
  for (const json& c : llama3_golden()["protected"]) {
    const std::string head = "<|start_header_id|>user<|end_header_id|>\n\n";
    const auto content = c["content"].get<std::string>();
    INFO(content);
    const RenderedText text{head + content + "<|eot_id|>", {{head.size(), head.size() + content.size()}}};
    CHECK(llama3().encode(text, false) == c["ids"].get<Ids>());
    CHECK(llama3().has_special_in_data(text));
    CHECK_FALSE(llama3().has_special_in_data({text.text, {}}));
  }
}

TEST_CASE("the gating pattern of the real tokenizer is the published one", "[golden]") {
  if (shared_dir().empty()) ARMORM_SKIP("the shared folder with the Llama-3 tokenizer is not there");
  CHECK(gating_pattern(llama3(), "llama3") == Ids{128009, 128006, 78191, 128007, 271});
  CHECK_THROWS_AS(gating_pattern(llama3(), "gemma2"), Error);
}

TEST_CASE("the gating position is the start of the last occurrence", "[unit]") {
  const Ids pattern{7, 8};
  CHECK(find_last_pattern(Ids{7, 8, 1, 7, 8, 2}, pattern) == 3);
  CHECK(find_last_pattern(Ids{7, 8}, pattern) == 0);
  CHECK(find_last_pattern(Ids{8, 7}, pattern) == std::nullopt);
  CHECK(find_last_pattern(Ids{}, pattern) == std::nullopt);
}

TEST_CASE("a rendered conversation has exactly one BOS", "[golden]") {
  if (shared_dir().empty()) ARMORM_SKIP("the shared folder with the Llama-3 tokenizer is not there");
  const Ids once = llama3().encode("hi", true);
  CHECK(once[0] == 128000);
  CHECK(encode_conversation(llama3(), {"<|begin_of_text|>hi", {}}) == once);
  CHECK(encode_conversation(llama3(), {"hi", {}}) == once);
}
