// Texts of conversations through valid tokenizers of every kind: the first byte chooses the tokenizer, the
// second where the template's own text ends.
#include <algorithm>
#include <vector>

#include "fuzz/driver.h"
#include "io/read_file.h"
#include "text/tokenizer/tokenizer.h"

namespace armorm::fuzz {
namespace {

std::vector<text::tokenizer::Tokenizer> load_all() {
  std::vector<text::tokenizer::Tokenizer> all;
  for (const char* name : {"llama3", "gemma2", "gpt2", "llama2", "mistral", "qwen2", "nfkc", "flags"}) {
    const auto file = golden(std::string("text/tokenizer_") + name + ".json");
    all.push_back(text::tokenizer::Tokenizer::from_json(io::read_text_file(file), name));
  }
  return all;
}

}  // namespace

const MemoryBound kMemoryBound{512, 32 << 20};

void read_input(std::string_view input) {
  static const std::vector<text::tokenizer::Tokenizer> tokenizers = load_all();
  if (input.size() < 2) return;
  const text::tokenizer::Tokenizer& tokenizer =
      tokenizers[static_cast<unsigned char>(input[0]) % tokenizers.size()];
  text::tokenizer::RenderedText text;
  text.text = input.substr(2);
  const std::size_t begin = std::min<std::size_t>(static_cast<unsigned char>(input[1]), text.text.size());
  if (begin < text.text.size()) text.data_ranges.push_back({begin, text.text.size()});
  const std::vector<text::tokenizer::TokenId> ids = tokenizer.encode(text, true);
  require(ids.size() <= 4 * text.text.size() + 16, "more tokens than bytes can make");
  tokenizer.has_special_in_data(text);
  touch(tokenizer.decode(ids));
}

}  // namespace armorm::fuzz
