#include "stages/serving/row_notes.h"

#include "core/log.h"

namespace armorm::stages::serving {

void RowNotes::take(const scoring::ScoreRow& row) {
  if (!row.error.empty()) return;
  if (row.open_answer && open_answers_++ == 0)
    log::warn(
        "a text does not end as the chat template ends an answer: its score is that of an unfinished answer. "
        "Send the end-of-turn token with it, or messages; armorm_open_answer_rows_total counts such texts");
  if (row.no_final_answer && without_answer_++ == 0)
    log::warn(
        "a conversation ends in a turn of a user, the system or a tool: its score is not that of an answer; "
        "armorm_no_answer_rows_total counts such conversations");
  if (row.special_in_content && special_in_content_++ == 0)
    log::warn(
        "a message has the text of a special token, which is read as {}; "
        "armorm_special_in_content_rows_total counts such conversations",
        special_allowed_ ? "that token (--allow_special_in_content)" : "ordinary text");
}

RowNoteCounts RowNotes::counts() const { return {open_answers_, without_answer_, special_in_content_}; }

}  // namespace armorm::stages::serving
