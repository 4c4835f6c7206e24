#include "data/forms_page.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "data/form_row.h"

namespace armorm::data {
namespace {

constexpr std::string_view kIntroduction =
    R"(# Forms of data sets

<!-- Made from the table in src/data/forms.cpp: ARMORM_WRITE_DOCS=1 build/release/bin/test_data "the page of forms*" -->

The prepare stages read data sets as they are published. A form says which columns make the conversations and what ranks or
rates them. It is recognised by the names of its columns and the types of their first values among the first 100 rows, never by the name
of the set; the log and `--dry_run` report it. `--form NAME` chooses one, which is necessary only where columns and types fit several:
that is an error that names them. `--columns form's=set's` renames columns. Further columns are named in a warning, as no row is made from
them.

A row of most forms of `stage2-prepare` has answers that are ranked by a label, and gives one pair or several: `row_ids` of the embeddings
is the row, `pair_ids` [N, 2] are the numbers of the chosen and the rejected answer in it, from 0; both together are unique. Rows
are divided among shards, never the pairs of a row. Ties make no pair; rows with nothing but ties, and rows without a label, are counted, and
their ids recorded, in the file's metadata, the dry run and the log. A pair with a side over `--seq_len` is dropped alone. Where a form
gives the strength of preferences, the file holds it as `strengths` f32 [N] (NaN = not given); no stage weighs pairs by it.

A value in a column of labels that is no number, or not one of the words of the form, makes a bad row, as does a strength or a rating
outside the scale of its form. Null, NaN and empty text are no label, nor is text such as N/A in ratings and in the fields of records.

`--ranked_pairs all|best`: of ranked answers each two of different rank, in the order of the answers, or the best (the first of several) against
each worse one. `--preference_label NAME`: the label that decides, where a form has several.

A row of a form of `stage1-prepare` gives a conversation for each of its answers; where there are several, `answer_ids` i64 [N] are
their numbers. Of the attributes that are asked for, a form labels those listed with it; another is read from the column of its name, if there
is one, and is missing otherwise. A conversation without any label of its form is dropped and counted.
)";

std::string_view type_name(ColumnType type) {
  switch (type) {
    case ColumnType::text:
      return "text";
    case ColumnType::prompt:
      return "text or messages";
    case ColumnType::messages:
      return "messages";
    case ColumnType::texts:
      return "list of texts";
    case ColumnType::transcript:
      return "transcript";
    case ColumnType::number:
      return "number";
    case ColumnType::numbers:
      return "list of numbers";
    case ColumnType::records:
      return "list of objects";
    case ColumnType::record:
      return "object";
  }
  return {};
}

std::string code(std::string_view name) { return fmt::format("`{}`", name); }

std::string code_list(const std::vector<std::string_view>& names, std::string_view last) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i)
    out += (i == 0 ? "" : i + 1 == names.size() ? fmt::format(" {} ", last) : ", ") + code(names[i]);
  return out;
}

std::string columns_text(const Form& form) {
  std::string out;
  for (const FormColumn& column : form.columns)
    out += fmt::format("{}{} ({}{})", out.empty() ? "" : ", ", code(column.name), type_name(column.type),
                       column.optional ? ", optional" : "");
  if (!form.absent.empty()) out += fmt::format("; no column {}", code(form.absent));
  if (form.is_alone) out += "; all other columns merely say what rows are, such as `id` or `source`";
  return out;
}

std::string prompt_text(const Form& form) {
  switch (form.prompt_kind) {
    case PromptKind::none:
      return "";
    case PromptKind::column:
      return code(form.prompt) + " (text is one user message, or the turns of a transcript)";
    case PromptKind::tagged:
      return code(form.prompt) +
             ", where lines `<extra_id_1>Assistant` and `<extra_id_1>User` begin further turns";
    case PromptKind::post:
      return "a request for a summary, from " + code(form.prompt);
  }
  return {};
}

std::string answers_text(const Form& form) {
  switch (form.answer_kind) {
    case AnswerKind::sides:
      return form.answers.empty() ? code(form.columns.front().name)
                                  : code_list(form.answers, "and") + ", each as it is typed in its row";
    case AnswerKind::columns:
      return "the texts of " + code_list(form.answers, "and");
    case AnswerKind::several:
      return fmt::format("the text of {} and each text of {}", code(form.answers[0]), code(form.answers[1]));
    case AnswerKind::list:
      return "each text of " + code(form.answers[0]);
    case AnswerKind::records:
      return fmt::format("{} of each object of {}", code(form.answer_field), code(form.answers[0]));
    case AnswerKind::conversations:
      return code_list(form.answers, "and") + ", which are complete";
    case AnswerKind::transcripts:
      return fmt::format("the turns of {}: \"\\n\\nHuman: ...\\n\\nAssistant: ...\"",
                         code_list(form.answers, "and"));
    case AnswerKind::split_texts:
      return code_list(form.answers, "and") + ", divided into prompt and answer";
  }
  return {};
}

std::string conversations_text(const Form& form) {
  const std::string prompt = prompt_text(form);
  std::string out = prompt.empty() ? answers_text(form)
                                   : fmt::format("{}; then the answer: {}", prompt, answers_text(form));
  if (!form.system.empty())
    out += fmt::format("; {} is a system message before all, unless there is one", code(form.system));
  return out;
}

std::string better_text(const Form& form) {
  const std::string labels = code_list(form.labels, "or");
  switch (form.better) {
    case Better::order:
      return fmt::format("{}; no ties, no rows without a label", code(form.answers.front()));
    case Better::index:
      return fmt::format("the answer whose number, from 0, is {}; null: no label; no ties", labels);
    case Better::first:
      return fmt::format("the first answer where {} is 1, the second where it is 0; null: no label; no ties",
                         labels);
    case Better::strength:
      return fmt::format(
          "the first answer where {} is below 0, the second above, from -{} to {}; 0: a tie; null: no label",
          labels, form.strongest, form.strongest);
    case Better::winner:
      return fmt::format("{}: `model_a` or `model_b`; `tie` and `tie (bothbad)`: a tie; null: no label",
                         labels);
    case Better::letter:
      return fmt::format("the first answer where {} is A, the second where it is B; null: no label; no ties",
                         labels);
    case Better::rank:
      return fmt::format("the lower {} of an answer; equal: a tie; no number: no label", labels);
    case Better::score:
      return fmt::format("the higher {} of an answer; equal: a tie; no number: no label", labels);
  }
  return {};
}

std::string rating_text(const Rating& rating) {
  if (rating.divide == 1) return "x";
  return fmt::format("(x {} {}) / {}", rating.add < 0 ? "-" : "+", std::abs(rating.add), rating.divide);
}

std::string source_text(const Form& form, const Rating& rating) {
  return form.rated_by.empty() ? code(rating.source) : code_list(form.rated_by, "and");
}

std::string rated_text(const Form& form) {
  if (!form.rated_in.empty())
    return fmt::format("- Ratings: in the objects of {}, matched to the answers by `model`\n",
                       code(form.rated_in));
  if (form.rated_by.empty()) return {};
  return fmt::format("- Ratings: {}, in the order of the answers\n", code_list(form.rated_by, "and"));
}

std::string ratings_table(const Form& form) {
  std::string out;
  for (const Rating& rating : form.ratings)
    out +=
        fmt::format("| `{}` | {} | {} |\n", rating.attribute, source_text(form, rating), rating_text(rating));
  return out.empty() ? out : "\n| attribute | x | label |\n| --- | --- | --- |\n" + out;
}

std::string common_text(const Form& form) {
  return fmt::format("\n### {}\n\n- Sets: {}\n- Columns: {}\n- Conversations: {}\n", form.name, form.sets,
                     columns_text(form), conversations_text(form));
}

std::string notes_text(const Form& form) {
  return form.notes.empty() ? "" : fmt::format("- {}.\n", form.notes);
}

std::string pair_section(const Form& form) {
  std::string out = common_text(form) + rated_text(form) + fmt::format("- Better: {}\n", better_text(form));
  if (!form.strength.empty()) out += fmt::format("- Strength: the size of {}\n", code(form.strength));
  return out + notes_text(form);
}

std::string rating_section(const Form& form) {
  std::string out = common_text(form) + rated_text(form);
  if (!form.attribute_of.empty())
    out += fmt::format("- A row rates one attribute, which {} names: what follows the first dash below\n",
                       code(form.attribute_of));
  return out + notes_text(form) + ratings_table(form);
}

}  // namespace

std::string forms_page() {
  std::string out(kIntroduction);
  out += "\n## Preference sets (`stage2-prepare`)\n";
  for (const Form& form : pair_forms()) out += pair_section(form);
  out += "\n## Sets of ratings (`stage1-prepare`)\n";
  for (const Form& form : rating_forms()) out += rating_section(form);
  return out;
}

std::string form_summary(const Form& form, std::string_view label) {
  std::vector<std::string_view> names;
  for (const FormColumn& column : columns_of(form, label))
    if (!column.optional) names.push_back(column.name);
  return fmt::format("{} ({})", form.name, fmt::join(names, ", "));
}

}  // namespace armorm::data
