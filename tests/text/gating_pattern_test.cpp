#include "text/gating_pattern.h"

#include "core/error.h"
#include "core/words.h"
#include "io/read_file.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::text;

TEST_CASE("the gating pattern of Llama 3 has the published ids", "[golden]") {
  if (test::shared_dir().empty()) ARMORM_SKIP("the shared folder is not there");
  const auto tokenizer = tokenizer::Tokenizer::load(test::shared_dir() / "llama3-tokenizer");
  CHECK(gating_pattern(tokenizer, ModelFamily::llama3) ==
        std::vector<tokenizer::TokenId>{128009, 128006, 78191, 128007, 271});
  CHECK_THROWS_WITH(gating_pattern(tokenizer, ModelFamily::gemma2), Catch::Contains("<end_of_turn>"));
}

TEST_CASE("the gating pattern of Gemma 2 goes through its own tokenizer", "[unit]") {
  const auto tokenizer = tokenizer::Tokenizer::from_json(
      io::read_text_file(test::golden("text/tokenizer_gemma2.json")), "gemma2");
  const auto pattern = gating_pattern(tokenizer, ModelFamily::gemma2);
  REQUIRE(pattern.size() >= 5);
  CHECK(pattern.front() == tokenizer.token_to_id("<end_of_turn>"));
  CHECK(pattern[2] == tokenizer.token_to_id("<start_of_turn>"));
  CHECK(pattern[1] == pattern.back());  // the newline
}

TEST_CASE("the last occurrence is found by its start", "[unit]") {
  const std::vector<tokenizer::TokenId> pattern{1, 2};
  CHECK(find_gating_pattern(std::vector<tokenizer::TokenId>{1, 2, 3, 1, 2, 4}, pattern) == 3);
  CHECK(find_gating_pattern(std::vector<tokenizer::TokenId>{1, 2}, pattern) == 0);
  CHECK(!find_gating_pattern(std::vector<tokenizer::TokenId>{2, 1}, pattern));
  CHECK(!find_gating_pattern(std::vector<tokenizer::TokenId>{}, pattern));
  CHECK(!find_gating_pattern(std::vector<tokenizer::TokenId>{1}, {}));
}

TEST_CASE("family names", "[unit]") {
  CHECK(parse_word<ModelFamily>("model_family", "llama3") == ModelFamily::llama3);
  CHECK(name_of(parse_word<ModelFamily>("model_family", "gemma2")) == "gemma2");
  CHECK_THROWS_AS(parse_word<ModelFamily>("model_family", "llama"), Error);
}
