// Descriptions of the forms in which data sets are published: which columns make the conversations, and what
// ranks or rates them. Recognition, --form, the dry run and docs/data-forms.md all read the tables below.
#pragma once

#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "armorm/data_forms.h"
#include "data/row_file.h"

namespace armorm::data {

enum class ColumnType {
  text,        // not a transcript
  prompt,      // text or messages
  messages,    // a list of messages with role and content
  texts,       // a list of texts
  transcript,  // text of turns "\n\nHuman: ...\n\nAssistant: ..."
  number,      // also as text, and booleans
  numbers,     // a list of numbers
  records,     // a list of objects
  record,      // an object
};

struct FormColumn {
  std::string_view name;
  ColumnType type;
  bool optional = false;
};

// The messages before the answers.
enum class PromptKind {
  none,    // the answers are complete conversations
  column,  // text, which is one user message or a transcript, or messages
  tagged,  // text; further turns after "<extra_id_1>Assistant" and "<extra_id_1>User"
  post,    // the object `info` of summarize_from_feedback
};

enum class AnswerKind {
  sides,          // chosen and rejected: text, messages or lists of texts, each row by its own types
  columns,        // text columns
  several,        // a text column, then each text of a list
  list,           // each text of a list
  records,        // a field of each object of a list
  conversations,  // columns of messages, cut after the turn that was judged
  transcripts,    // columns of transcripts
  split_texts,    // two texts that begin with the same prompt
};

// What says which answer is better.
enum class Better {
  order,     // the first one
  index,     // the number of the better answer, from 0
  first,     // a number: the first answer is better where it is 1, the second where it is 0
  strength,  // a number: the first answer is better below 0, the second above; its size is the strength
  winner,    // text: model_a, model_b, or a tie
  letter,    // text: A, the first answer is better, or B
  rank,      // a field of each record: lower is better
  score,     // a field of each record, or of the one that rates it: higher is better
};

// label = (value + add) / divide
struct Rating {
  std::string_view attribute;
  std::string_view
      source;  // a column, or a path in a record: annotations/honesty/Rating; empty with rated_by
  double add = 0;
  double divide = 1;
};

struct Form {
  std::string_view name = {};
  std::string_view sets = {};  // published sets of this form
  std::vector<FormColumn> columns = {};
  PromptKind prompt_kind = PromptKind::none;
  std::string_view prompt = {};  // its column
  std::string_view system = {};  // a column with the text of a system message
  AnswerKind answer_kind = AnswerKind::sides;
  std::vector<std::string_view> answers = {};  // their columns
  std::string_view answer_field = {};          // of records
  // Pairs
  Better better = Better::order;
  std::vector<std::string_view> labels = {};  // columns or fields to choose from, the first by default
  std::string_view strength = {};             // column of the preference's strength
  double strongest = std::numeric_limits<double>::infinity();  // size of the strongest, of Better::strength
  // Ratings
  std::vector<Rating> ratings = {};
  std::string_view rated_in = {};  // a list of objects with the ratings, matched by their `model`
  std::vector<std::string_view> rated_by = {};  // columns: each answer's rating, or one list of them
  std::string_view attribute_of = {};  // text column: what follows the first dash in the attribute's name
  std::string_view absent = {};        // a column whose presence excludes the form
  bool is_alone = false;               // recognised only where all other columns merely describe rows
  std::string_view notes = {};         // for the documentation

  // Rows are ranked or expanded by this description; otherwise each row is read by its own types.
  bool is_described() const { return answer_kind != AnswerKind::sides; }
  // Whether labels order all answers of a row, so that RankedPairs matters.
  bool is_ranked() const { return better == Better::rank || better == Better::score; }
  // Whether a row may have several answers.
  bool has_several_answers() const {
    return answers.size() > 1 || answer_kind == AnswerKind::records || answer_kind == AnswerKind::list;
  }
};

std::span<const Form> pair_forms();
std::span<const Form> rating_forms();
// `form` must not be auto_.
const Form& form_of(PairForm form);
const Form& form_of(RatingForm form);

// What a reader of the column asks its file for.
Want want_of(ColumnType type);
// Numbers, also as text; nothing for N/A and the like.
std::optional<double> number_in(const Cell& cell);
std::optional<double> number_in_text(const std::string& digits);
// Whether a value, which is not null, is of the type.
bool is_of_type(const Cell& cell, ColumnType type);

}  // namespace armorm::data
