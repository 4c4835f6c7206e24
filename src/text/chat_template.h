// The chat template of a model folder: a Jinja template rendered like transformers' apply_chat_template
// (trim_blocks, lstrip_blocks, loop controls, immutable sandbox).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/conversation.h"
#include "text/tokenizer/rendered_text.h"

namespace armorm::text {

struct TemplateVariables {
  // bos_token, eos_token, ...: trusted strings that the template may refer to.
  std::map<std::string, std::string> special_tokens;
  bool add_generation_prompt = false;
  // Time for strftime_now(), in seconds since 1970, shown in local time; empty = the system's clock.
  std::optional<std::int64_t> now;
};

// Immutable after compile; render() is const and thread-safe.
class ChatTemplate {
 public:
  // chat_template.jinja, else the chat_template of tokenizer_config.json (a string, or the entry "default" of
  // a list of named templates), else that of chat_template.json. data error that names the file when there is
  // no template, or when it holds an unsupported construct (with the construct and its line).
  static ChatTemplate load(const std::filesystem::path& model_folder);
  // `origin` names the source in errors.
  static ChatTemplate compile(std::string_view source, std::string_view origin);

  // data error with the template's own message when it calls raise_exception.
  tokenizer::RenderedText render(const Conversation& conversation, const TemplateVariables& variables) const;

  const std::string& source() const;
  // Its text outside of tags, and its string constants.
  std::vector<std::string> literals() const;
  // Whether the template refers to strftime_now(), so that its output may depend on TemplateVariables::now.
  bool reads_clock() const;

  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

 private:
  struct Impl;
  explicit ChatTemplate(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace armorm::text
