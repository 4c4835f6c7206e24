// The chat template of a model folder: a Jinja template rendered as transformers'
// apply_chat_template does (trim_blocks, lstrip_blocks, loop controls, immutable sandbox).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "data/conversation.h"
#include "text/tokenizer/rendered_text.h"

namespace armorm {

struct TemplateVariables {
  // bos_token, eos_token, ... : trusted strings the template may name.
  std::map<std::string, std::string> special_tokens;
  bool add_generation_prompt = false;
  // What strftime_now() tells, in seconds since 1970; the system's clock when empty. Shown in local time.
  std::optional<std::int64_t> now;
};

// Immutable after compile; render() is const and thread-safe.
class ChatTemplate {
 public:
  // chat_template.jinja, else the chat_template of tokenizer_config.json (a string, or a list of named
  // templates of which "default" is taken), else that of chat_template.json. data error naming the file when
  // there is none, or when it holds a construct this engine does not know (the construct and its line are
  // named).
  static ChatTemplate load(const std::filesystem::path& model_folder);
  // `origin` names the source in errors.
  static ChatTemplate compile(std::string_view source, std::string_view origin);

  // data error with the template's own words when it calls raise_exception.
  RenderedText render(const Conversation& conversation, const TemplateVariables& variables) const;

  const std::string& source() const;
  // Whether it names strftime_now(), so that what it renders may depend on TemplateVariables::now.
  bool reads_clock() const;

  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

 private:
  struct Impl;
  explicit ChatTemplate(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace armorm
