// A chat template is a program. Its resource limits are in src/text/jinja/limits.h, with smaller numbers for
// fuzzing.
#include "fuzz/driver.h"
#include "text/chat_template.h"
#include "text/jinja/limits.h"

namespace armorm::fuzz {

// The number of nodes is bounded by the template's length; the results are bounded by a constant.
const MemoryBound kMemoryBound{1024, std::size_t{16} * text::jinja::kMaxWork};

void read_input(std::string_view input) {
  const text::ChatTemplate compiled = text::ChatTemplate::compile(input, "chat_template.jinja");
  text::TemplateVariables variables;
  variables.special_tokens = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
  variables.add_generation_prompt = true;
  variables.now = 1'700'000'000;
  const text::tokenizer::RenderedText text = compiled.render(
      {{"system", " Be brief. "}, {"user", "Hello <s> \xC3\xA9"}, {"assistant", "Hi"}}, variables);
  touch(text.text);
  std::size_t last = 0;
  for (const text::tokenizer::RenderedText::Range& range : text.data_ranges) {
    require(range.begin >= last && range.begin < range.end && range.end <= text.text.size(),
            "ranges out of order");
    last = range.end;
  }
}

}  // namespace armorm::fuzz
