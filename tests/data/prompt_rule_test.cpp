#include "data/prompt_rule.h"

#include <string>

#include "support/test_support.h"

using armorm::Conversation;
using armorm::Message;
using armorm::data::starts_with;

namespace {

Message user_with(const std::string& json) {
  Message message{"user", "q"};
  message.json = json;
  return message;
}

}  // namespace

TEST_CASE("fields of messages are equal as values", "[unit]") {
  const Message prompt = user_with(R"({"role":"user","content":"q","score":NaN,"more":[1,{"x":-Infinity}]})");
  const auto is_head = [&](const char* json) { return starts_with(Conversation{user_with(json)}, {prompt}); };
  // In other order, with another spelling of numbers, and null for an absent field.
  CHECK(is_head(R"({"name":null, "more":[1.0,{"x":-Infinity}], "score":NaN, "content":"q", "role":"user"})"));
  CHECK_FALSE(is_head(R"({"role":"user","content":"q","score":NaN,"more":[1,{"x":Infinity}]})"));
  CHECK_FALSE(is_head(R"({"role":"user","content":"q","score":"NaN","more":[1,{"x":-Infinity}]})"));
  CHECK_FALSE(is_head(R"({"role":"user","content":"q","score":0,"more":[1,{"x":-Infinity}]})"));
}

TEST_CASE("a prompt is that of a conversation if role and text are equal", "[unit]") {
  CHECK(starts_with({{"user", "q"}, {"assistant", "a"}}, {{"user", "q"}}));
  CHECK_FALSE(starts_with({{"user", "q"}, {"assistant", "a"}}, {{"user", " q\n"}}));
  CHECK_FALSE(starts_with({{"assistant", "q"}}, {{"user", "q"}}));
}
