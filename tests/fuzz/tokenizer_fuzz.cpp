// tokenizer.json: a tokenizer that loads can also encode and decode.
#include "core/error.h"
#include "fuzz/driver.h"
#include "text/tokenizer/tokenizer.h"

namespace armorm::fuzz {
namespace {

constexpr std::string_view kTexts[] = {
    "", "Hello, world! <s>[INST] don't 123  \n\n\t",
    "\xC3\xA9\xE2\x80\x99\xF0\x9F\x98\x80 e\xCC\x81 \xEF\xAC\x81 \xE2\x96\x81"};

}  // namespace

// Vocabulary and merges are stored in hash tables and by id, in addition to the JSON they came from. The
// constant covers the words that encoding keeps and PCRE2's compiled pattern.
const MemoryBound kMemoryBound{512, 32 << 20};

void read_input(std::string_view input) {
  const text::tokenizer::Tokenizer tokenizer = text::tokenizer::Tokenizer::from_json(input, "tokenizer.json");
  for (const std::string_view text : kTexts) {
    try {
      const std::vector<text::tokenizer::TokenId> ids = tokenizer.encode(text, true);
      touch(tokenizer.decode(ids));
    } catch (const Error& error) {
      require(error.kind() == ErrorKind::data, error.what());
    }
  }
  require(tokenizer.vocab_size() >= 0, "a vocabulary of less than nothing");
}

}  // namespace armorm::fuzz
