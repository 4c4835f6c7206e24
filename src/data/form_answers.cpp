#include "data/form_answers.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/strings.h"
#include "core/utf8.h"
#include "data/json_value.h"
#include "data/preference_sides.h"
#include "data/transcript.h"

namespace armorm::data {
namespace {

using Json = nlohmann::json;

Json json_of(const Field& field) {
  field.check_readable();
  if (field.cell.kind != CellKind::json)
    fail_data("{}: found {}, expected a list or an object", field.place(), field.found());
  const std::string where = field.place();
  JsonReader reader(field.cell.text, where);
  Json value = json_value(reader);
  reader.expect_end();
  return value;
}

// The member's text; empty where the object has none.
std::string text_in(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// The query of the code of summarize_from_feedback (openai/summarize-from-feedback).
std::string query_of(const Field& field) {
  const Json info = json_of(field);
  if (!info.is_object()) fail_data("{}: found a list, expected an object", field.place());
  if (const std::string post = text_in(info, "post"); !post.empty())
    return fmt::format("SUBREDDIT: r/{}\n\nTITLE: {}\n\nPOST: {}\n\nTL;DR:", text_in(info, "subreddit"),
                       text_in(info, "title"), post);
  const std::string article = text_in(info, "article");
  if (article.empty()) fail_data("{}: found neither post nor article, expected one of them", field.place());
  return fmt::format("Article:\n\n{}\n\nTL;DR:", article);
}

Conversation transcript_of(const Field& field) {
  const std::string where = field.place();
  return parse_transcript(text_of(field), where);
}

Conversation column_prompt(const Field& field) {
  Conversation prompt = prompt_of(field);
  if (prompt.empty())
    fail_data("{}: found {}, expected text or a list of messages", field.place(), field.found());
  return prompt;
}

Conversation prompt_messages(const Form& form, const FieldOf& field) {
  switch (form.prompt_kind) {
    case PromptKind::none:
      return {};
    case PromptKind::column:
      return column_prompt(field(form.prompt));
    case PromptKind::tagged:
      return parse_tagged_turns(text_of(field(form.prompt)));
    case PromptKind::post:
      return {{"user", query_of(field(form.prompt))}};
  }
  return {};
}

Conversation answered(Conversation prompt, std::string answer) {
  prompt.push_back({"assistant", std::move(answer)});
  return prompt;
}

std::vector<std::string> texts_of(const Field& field) {
  field.check_readable();
  if (field.cell.kind != CellKind::texts || field.cell.texts.empty())
    fail_data("{}: found {}, expected a list of texts", field.place(), field.found());
  return std::move(field.cell.texts);
}

// Up to the answer of the turn that was judged, counted from 1.
Conversation judged_turns(Conversation turns, const std::optional<double>& turn) {
  if (!turn) return turns;
  double answers = 0;
  const auto is_last = [&](const Message& message) {
    answers += message.role == "assistant" ? 1 : 0;
    return answers >= *turn;
  };
  const auto last = std::find_if(turns.begin(), turns.end(), is_last);
  if (last != turns.end()) turns.erase(last + 1, turns.end());
  return turns;
}

// Where the texts begin to differ, before a space there, as TRL's extract_prompt has it.
std::size_t common_beginning(std::string_view a, std::string_view b) {
  std::size_t at = 0;
  while (at < std::min(a.size(), b.size()) && a[at] == b[at]) ++at;
  while (at > 0 && at < a.size() && is_utf8_continuation(a[at])) --at;
  while (at > 0 && at < b.size() && is_utf8_continuation(b[at])) --at;
  return at > 0 && a[at - 1] == ' ' ? at - 1 : at;
}

constexpr std::string_view kSpaces = " \t\r\n";

// Where no answer is empty: at the white space before. 0 where there is none.
std::size_t before_answers(std::string_view a, std::string_view b, std::size_t at) {
  const auto is_empty = [&](std::string_view text) { return trimmed(text.substr(at)).empty(); };
  while (at > 0 && (is_empty(a) || is_empty(b))) {
    const std::size_t end = a.substr(0, at).find_last_not_of(kSpaces);
    const std::size_t space = end == std::string_view::npos ? end : a.substr(0, end).find_last_of(kSpaces);
    at = space == std::string_view::npos ? 0 : a.substr(0, space).find_last_not_of(kSpaces) + 1;
  }
  return at;
}

FormAnswers split_texts(const Field& chosen, const Field& rejected) {
  const std::string a = text_of(chosen);
  const std::string b = text_of(rejected);
  const std::size_t common = common_beginning(a, b);
  const std::size_t at = a == b ? common : before_answers(a, b, common);
  if (at == 0)
    fail_data(
        "{}: {}, expected two answers after that of a prompt; name the column of the prompt with `columns`: "
        "\"prompt\"",
        chosen.place(),
        common == 0 ? "the two texts have no common beginning"
                    : "one text is the beginning of the other, which leaves no prompt before the answers");
  const Conversation prompt{{"user", a.substr(0, at)}};
  return {{answered(prompt, a.substr(at)), answered(prompt, b.substr(at))}, {}, a == b};
}

FormAnswers record_answers(const Form& form, const FieldOf& field, const Conversation& prompt) {
  FormAnswers answers;
  const Field list = field(form.answers.front());
  answers.records = records_of(list);
  for (const Json& record : answers.records) {
    const auto text = record.find(form.answer_field);
    if (text == record.end() || !text->is_string())
      fail_data("{}: item {}: no text \"{}\"", list.place(), answers.conversations.size(), form.answer_field);
    answers.conversations.push_back(answered(prompt, text->get<std::string>()));
  }
  return answers;
}

FormAnswers text_answers(const Form& form, const FieldOf& field, const Conversation& prompt) {
  FormAnswers answers;
  const bool ends_in_list = form.answer_kind == AnswerKind::several || form.answer_kind == AnswerKind::list;
  for (const std::string_view column : form.answers) {
    if (ends_in_list && column == form.answers.back())
      for (std::string& text : texts_of(field(column)))
        answers.conversations.push_back(answered(prompt, std::move(text)));
    else
      answers.conversations.push_back(answered(prompt, text_of(field(column))));
  }
  return answers;
}

bool has_column(const Form& form, std::string_view name) {
  return std::any_of(form.columns.begin(), form.columns.end(),
                     [&](const FormColumn& column) { return column.name == name; });
}

FormAnswers conversation_answers(const Form& form, const FieldOf& field) {
  FormAnswers answers;
  std::optional<double> turn;
  if (has_column(form, "turn")) turn = number_in(field("turn").cell);
  for (const std::string_view column : form.answers)
    answers.conversations.push_back(judged_turns(turns_of(field(column)), turn));
  return answers;
}

FormAnswers answers_of(const Form& form, const FieldOf& field) {
  if (form.answer_kind == AnswerKind::split_texts)
    return split_texts(field(form.answers[0]), field(form.answers[1]));
  if (form.answer_kind == AnswerKind::conversations) return conversation_answers(form, field);
  if (form.answer_kind == AnswerKind::transcripts)
    return {{transcript_of(field(form.answers[0])), transcript_of(field(form.answers[1]))}, {}, false};
  const Conversation prompt = prompt_messages(form, field);
  return form.answer_kind == AnswerKind::records ? record_answers(form, field, prompt)
                                                 : text_answers(form, field, prompt);
}

}  // namespace

std::vector<Json> records_of(const Field& field) {
  const Json list = json_of(field);
  if (!list.is_array()) fail_data("{}: found an object, expected a list of objects", field.place());
  for (const Json& item : list)
    if (!item.is_object()) fail_data("{}: found a list with other items, expected objects", field.place());
  if (list.empty()) fail_data("{}: found an empty list, expected objects", field.place());
  return list.get<std::vector<Json>>();
}

std::vector<std::optional<double>> numbers_of(const Field& field) {
  const Json list = json_of(field);
  if (!list.is_array()) fail_data("{}: found an object, expected a list of numbers", field.place());
  std::vector<std::optional<double>> numbers;
  for (const Json& item : list) {
    if (item.is_structured() || item.is_boolean())
      fail_data("{}: found a list with other items, expected numbers", field.place());
    if (item.is_number())
      numbers.emplace_back(item.get<double>());
    else
      numbers.push_back(item.is_string() ? number_in_text(item.get<std::string>()) : std::nullopt);
  }
  return numbers;
}

FormAnswers read_answers(const Form& form, const FieldOf& field) {
  FormAnswers answers = answers_of(form, field);
  if (form.system.empty()) return answers;
  const std::string system = optional_text_of(field(form.system));
  for (Conversation& conversation : answers.conversations) add_system(system, conversation);
  return answers;
}

}  // namespace armorm::data
