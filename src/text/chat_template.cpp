#include "text/chat_template.h"

#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "core/strings.h"
#include "io/checked_json.h"
#include "io/read_file.h"
#include "text/jinja/eval.h"
#include "text/jinja/failure.h"
#include "text/jinja/lexer.h"
#include "text/jinja/limits.h"
#include "text/message_values.h"

namespace armorm::text {
namespace fs = std::filesystem;

struct ChatTemplate::Impl {
  std::string source;
  std::string origin;
  jinja::Ast ast;
};

namespace {

constexpr std::size_t kMaxConfigBytes = std::size_t{256} << 20;
constexpr int kMaxConfigDepth = 64;

// The template in one entry of a list of named templates; empty when it is not the default.
std::string default_template(const nlohmann::json& entry, const std::string& origin) {
  if (!entry.is_object() || !entry.contains("name") || !entry.contains("template") ||
      !entry["name"].is_string() || !entry["template"].is_string()) {
    fail_data("{}: an entry of chat_template is {}; expected {{\"name\": ..., \"template\": ...}}", origin,
              entry.type_name());
  }
  return entry["name"] == "default" ? entry["template"].get<std::string>() : std::string();
}

// False when the file has no chat_template.
bool read_json_template(const fs::path& path, std::string& source) {
  const std::string origin = path.string();
  const auto json = io::parse_json(io::read_text_file(path, kMaxConfigBytes), origin, kMaxConfigDepth);
  if (!json.is_object()) fail_data("{}: not a JSON object; expected a tokenizer configuration", origin);
  const auto found = json.find("chat_template");
  if (found == json.end() || found->is_null()) return false;
  if (found->is_string()) {
    source = found->get<std::string>();
    return true;
  }
  if (!found->is_array()) {
    fail_data("{}: chat_template is {}; expected a string or a list of named templates", origin,
              found->type_name());
  }
  for (const auto& entry : *found) {
    source = default_template(entry, origin);
    if (!source.empty()) return true;
  }
  fail_data("{}: no entry of chat_template is named \"default\"; name one so", origin);
}

// Text of the template or the data inside a message.
std::string quoted(std::string_view text) { return shown(text, 1000); }

void set_globals(jinja::Evaluator& evaluator, const Conversation& conversation,
                 const TemplateVariables& variables) {
  for (const auto& [name, text] : variables.special_tokens)
    evaluator.set_global(name, jinja::make_trusted(text));
  evaluator.set_global("messages", message_values(conversation));
  evaluator.set_global("tools", jinja::None{});
  evaluator.set_global("documents", jinja::None{});
  evaluator.set_global("add_generation_prompt", variables.add_generation_prompt);
}

}  // namespace

ChatTemplate::ChatTemplate(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

const std::string& ChatTemplate::source() const { return impl_->source; }

std::vector<std::string> ChatTemplate::literals() const {
  using Kind = jinja::Token::Kind;
  std::vector<std::string> literals;
  Kind before = Kind::end;
  for (const jinja::Token& token : jinja::tokenize(impl_->source)) {
    if (token.kind == Kind::string && before == Kind::string)
      literals.back() += token.text;  // "a" "b" is one constant
    else if (token.kind == Kind::string || token.kind == Kind::data)
      literals.push_back(token.text);
    before = token.kind;
  }
  return literals;
}

bool ChatTemplate::reads_clock() const { return impl_->source.find("strftime_now") != std::string::npos; }

ChatTemplate ChatTemplate::compile(std::string_view source, std::string_view origin) {
  auto impl = std::make_unique<Impl>();
  impl->source = source;
  impl->origin = origin;
  try {
    impl->ast = jinja::parse(source);
  } catch (const jinja::Failure& failure) {
    fail_data("{}: chat template, {}; write the template without it", origin, quoted(failure.what()));
  }
  return ChatTemplate(std::move(impl));
}

ChatTemplate ChatTemplate::load(const fs::path& model_folder) {
  const fs::path plain = model_folder / "chat_template.jinja";
  if (fs::exists(plain)) return compile(io::read_text_file(plain, jinja::kMaxSourceBytes), plain.string());
  for (const char* name : {"tokenizer_config.json", "chat_template.json"}) {
    const fs::path path = model_folder / name;
    std::string source;
    if (fs::exists(path) && read_json_template(path, source)) return compile(source, path.string());
  }
  fail_data(
      "{}: no chat template; expected chat_template.jinja, or a chat_template in tokenizer_config.json: add "
      "one of them",
      model_folder.string());
}

tokenizer::RenderedText ChatTemplate::render(const Conversation& conversation,
                                             const TemplateVariables& variables) const {
  const jinja::Evaluator::Clock clock = [&] {
    return variables.now ? *variables.now : static_cast<std::int64_t>(std::time(nullptr));
  };
  jinja::Evaluator evaluator(impl_->ast, clock);
  try {
    set_globals(evaluator, conversation, variables);
    return evaluator.render().release();
  } catch (const jinja::Refusal& refusal) {
    fail_data(
        "{}: chat template, line {}: the template refuses the conversation: {}; expected one it accepts",
        impl_->origin, evaluator.line(), quoted(refusal.what()));
  } catch (const jinja::Failure& failure) {
    fail_data("{}: chat template, line {}: {}; check the template against the conversation", impl_->origin,
              evaluator.line(), quoted(failure.what()));
  }
}

}  // namespace armorm::text
