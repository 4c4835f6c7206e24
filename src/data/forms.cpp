// The table of forms. Each is described once; docs/data-forms.md is made from it.
#include <cmath>
#include <cstdlib>
#include <string>

#include "core/strings.h"
#include "data/form.h"
#include "data/transcript.h"

namespace armorm::data {
namespace {

using enum ColumnType;

constexpr std::string_view kCentred =
    "Ratings are taken to the centres of equal parts of [0, 1], as HelpSteer's are by the released model's "
    "card. The published rows of this source could not be compared";

std::vector<Form> make_pair_forms() {
  return {
      {.name = "conversational",
       .sets = "RLHFlow/UltraFeedback-preference-standard, RLHFlow/pair_data_v2_80K_wsafety, "
               "Skywork/Skywork-Reward-Preference-80K-v0.2, HuggingFaceH4/ultrafeedback_binarized, "
               "mlabonne/orpo-dpo-mix-40k, TRL's conversational sets",
       .columns = {{"chosen", messages},
                   {"rejected", messages},
                   {"prompt", prompt, true},
                   {"system", text, true},
                   {"subset", text, true}},
       .prompt_kind = PromptKind::column,
       .prompt = "prompt",
       .system = "system",
       .answers = {"chosen", "rejected"},
       .notes =
           "The prompt's messages come first in a side that does not start with them. A side that begins "
           "with another turn of the user is an error"},
      {.name = "explicit_prompt",
       .sets = "allenai/reward-bench, Dahoas/full-hh-rlhf, TRL's sets with an explicit prompt",
       .columns = {{"prompt", prompt},
                   {"chosen", text},
                   {"rejected", text},
                   {"system", text, true},
                   {"subset", text, true}},
       .prompt_kind = PromptKind::column,
       .prompt = "prompt",
       .system = "system",
       .answers = {"chosen", "rejected"},
       .notes =
           "A prompt that is a transcript becomes its turns, and white space at both ends of the answers "
           "is dropped"},
      {.name = "implicit_prompt",
       .sets = "TRL's sets with an implicit prompt",
       .columns = {{"chosen", text}, {"rejected", text}, {"system", text, true}},
       .system = "system",
       .answer_kind = AnswerKind::split_texts,
       .answers = {"chosen", "rejected"},
       .is_alone = true,
       .notes =
           "The prompt is what both texts begin with, without a space at its end, as in TRL. Where one text "
           "begins with all of the other, it ends before the last word of what is common. Two equal texts "
           "are a tie"},
      {.name = "best_of_n",
       .sets = "allenai/reward-bench-2",
       .columns = {{"prompt", prompt},
                   {"chosen", texts},
                   {"rejected", texts},
                   {"system", text, true},
                   {"subset", text, true},
                   {"id", text, true}},
       .prompt_kind = PromptKind::column,
       .prompt = "prompt",
       .system = "system",
       .answers = {"chosen", "rejected"},
       .notes = "Each answer is in a pair: as many pairs as the longer list has answers"},
      {.name = "several_rejected",
       .sets = "preference sets with several rejected answers",
       .columns = {{"prompt", prompt}, {"chosen", text}, {"rejected", texts}, {"system", text, true}},
       .prompt_kind = PromptKind::column,
       .prompt = "prompt",
       .system = "system",
       .answer_kind = AnswerKind::several,
       .answers = {"chosen", "rejected"},
       .notes = "The chosen answer against each rejected one"},
      {.name = "orca_dpo",
       .sets = "Intel/orca_dpo_pairs",
       .columns = {{"system", text}, {"question", text}, {"chosen", text}, {"rejected", text}},
       .prompt_kind = PromptKind::column,
       .prompt = "question",
       .system = "system",
       .answers = {"chosen", "rejected"}},
      {.name = "hh_rlhf",
       .sets = "Anthropic/hh-rlhf",
       .columns = {{"chosen", transcript}, {"rejected", transcript}, {"system", text, true}},
       .system = "system",
       .answer_kind = AnswerKind::transcripts,
       .answers = {"chosen", "rejected"},
       .notes = "White space at both ends of a turn is dropped"},
      {.name = "pku_saferlhf",
       .sets = "PKU-Alignment/PKU-SafeRLHF, PKU-Alignment/PKU-SafeRLHF-30K",
       .columns = {{"prompt", text},
                   {"response_0", text},
                   {"response_1", text},
                   {"better_response_id", number},
                   {"safer_response_id", number, true}},
       .prompt_kind = PromptKind::column,
       .prompt = "prompt",
       .answer_kind = AnswerKind::columns,
       .answers = {"response_0", "response_1"},
       .better = Better::index,
       .labels = {"better_response_id", "safer_response_id"}},
      {.name = "helpsteer2",
       .sets = "nvidia/HelpSteer2 (its folder preference)",
       .columns =
           {{"prompt", text}, {"response_1", text}, {"response_2", text}, {"preference_strength", number}},
       .prompt_kind = PromptKind::tagged,
       .prompt = "prompt",
       .answer_kind = AnswerKind::columns,
       .answers = {"response_1", "response_2"},
       .better = Better::strength,
       .labels = {"preference_strength"},
       .strength = "preference_strength",
       .strongest = 3},
      {.name = "helpsteer3",
       .sets = "nvidia/HelpSteer3 (its folder preference)",
       .columns =
           {{"context", messages}, {"response1", text}, {"response2", text}, {"overall_preference", number}},
       .prompt_kind = PromptKind::column,
       .prompt = "context",
       .answer_kind = AnswerKind::columns,
       .answers = {"response1", "response2"},
       .better = Better::strength,
       .labels = {"overall_preference"},
       .strength = "overall_preference",
       .strongest = 3},
      {.name = "shp",
       .sets = "stanfordnlp/SHP, stanfordnlp/SHP-2",
       .columns = {{"history", text},
                   {"human_ref_A", text},
                   {"human_ref_B", text},
                   {"labels", number},
                   {"score_ratio", number, true}},
       .prompt_kind = PromptKind::column,
       .prompt = "history",
       .answer_kind = AnswerKind::columns,
       .answers = {"human_ref_A", "human_ref_B"},
       .better = Better::first,
       .labels = {"labels"},
       .strength = "score_ratio"},
      {.name = "nectar",
       .sets = "berkeley-nest/Nectar, other rankings",
       .columns = {{"prompt", prompt}, {"answers", records}},
       .prompt_kind = PromptKind::column,
       .prompt = "prompt",
       .answer_kind = AnswerKind::records,
       .answers = {"answers"},
       .answer_field = "answer",
       .better = Better::rank,
       .labels = {"rank"}},
      {.name = "mt_bench",
       .sets = "lmsys/mt_bench_human_judgments, lmsys/chatbot_arena_conversations",
       .columns = {{"conversation_a", messages},
                   {"conversation_b", messages},
                   {"winner", text},
                   {"turn", number, true}},
       .answer_kind = AnswerKind::conversations,
       .answers = {"conversation_a", "conversation_b"},
       .better = Better::winner,
       .labels = {"winner"},
       .notes = "With a column `turn` the conversations end after the answer of that turn, counted from 1"},
      {.name = "summarize_from_feedback",
       .sets = "openai/summarize_from_feedback (comparisons)",
       .columns = {{"info", record}, {"summaries", records}, {"choice", number}},
       .prompt_kind = PromptKind::post,
       .prompt = "info",
       .answer_kind = AnswerKind::records,
       .answers = {"summaries"},
       .answer_field = "text",
       .better = Better::index,
       .labels = {"choice"},
       .notes = "The user's message is the query of the set's own code: SUBREDDIT, TITLE, POST and TL;DR, or "
                "Article "
                "and TL;DR for news"},
      {.name = "ultrafeedback",
       .sets = "openbmb/UltraFeedback",
       .columns = {{"instruction", text}, {"completions", records}},
       .prompt_kind = PromptKind::column,
       .prompt = "instruction",
       .answer_kind = AnswerKind::records,
       .answers = {"completions"},
       .answer_field = "response",
       .better = Better::score,
       .labels = {"fine-grained_score", "overall_score"},
       .notes =
           "A score of N/A is no label. The system prompts that the answers were made with are not read"},
      {.name = "code_ultrafeedback",
       .sets = "coseal/CodeUltraFeedback",
       .columns =
           {{"instruction", text}, {"responses", records}, {"annotations", records}, {"preference", text}},
       .prompt_kind = PromptKind::column,
       .prompt = "instruction",
       .answer_kind = AnswerKind::records,
       .answers = {"responses"},
       .answer_field = "response",
       .better = Better::score,
       .labels = {"rating"},
       .rated_in = "annotations",
       .notes = "A rating of N/A is no label. `preference`, the aspect that was rated, is not read"},
      {.name = "prometheus2",
       .sets = "prometheus-eval/Preference-Collection",
       .columns = {{"orig_instruction", text},
                   {"orig_response_A", text},
                   {"orig_response_B", text},
                   {"orig_preference", text}},
       .prompt_kind = PromptKind::column,
       .prompt = "orig_instruction",
       .answer_kind = AnswerKind::columns,
       .answers = {"orig_response_A", "orig_response_B"},
       .better = Better::letter,
       .labels = {"orig_preference"}},
  };
}

std::vector<Form> make_rating_forms() {
  return {
      {.name = "messages",
       .sets = "RLHFlow/ArmoRM-Multi-Objective-Data-v0.1",
       .columns = {{"messages", messages}},
       .notes = "The labels are the columns of --attributes, as they are"},
      {.name = "prompt_response",
       .sets = "sets of prompts, responses and columns of labels",
       .columns = {{"prompt", prompt}, {"response", text}, {"system", text, true}},
       .prompt_kind = PromptKind::column,
       .prompt = "prompt",
       .system = "system",
       .answer_kind = AnswerKind::columns,
       .answers = {"response"},
       .absent = "messages",
       .notes = "The labels are the columns of --attributes, as they are"},
      {.name = "helpsteer",
       .sets = "nvidia/HelpSteer, nvidia/HelpSteer2",
       .columns = {{"prompt", text},
                   {"response", text},
                   {"helpfulness", number},
                   {"correctness", number},
                   {"coherence", number},
                   {"complexity", number},
                   {"verbosity", number}},
       .prompt_kind = PromptKind::tagged,
       .prompt = "prompt",
       .answer_kind = AnswerKind::columns,
       .answers = {"response"},
       .ratings = {{"helpsteer-helpfulness", "helpfulness", 0.5, 5},
                   {"helpsteer-correctness", "correctness", 0.5, 5},
                   {"helpsteer-coherence", "coherence", 0.5, 5},
                   {"helpsteer-complexity", "complexity", 0.5, 5},
                   {"helpsteer-verbosity", "verbosity", 0.5, 5}},
       .notes = "The scale is the inverse of that of the released model's card (reward * 5 - 0.5)"},
      {.name = "ultrafeedback",
       .sets = "openbmb/UltraFeedback",
       .columns = {{"instruction", text}, {"completions", records}},
       .prompt_kind = PromptKind::column,
       .prompt = "instruction",
       .answer_kind = AnswerKind::records,
       .answers = {"completions"},
       .answer_field = "response",
       .ratings = {{"ultrafeedback-overall_score", "overall_score", -0.5, 10},
                   {"ultrafeedback-instruction_following", "annotations/instruction_following/Rating", -0.5,
                    5},
                   {"ultrafeedback-truthfulness", "annotations/truthfulness/Rating", -0.5, 5},
                   {"ultrafeedback-honesty", "annotations/honesty/Rating", -0.5, 5},
                   {"ultrafeedback-helpfulness", "annotations/helpfulness/Rating", -0.5, 5}},
       .notes = kCentred},
      {.name = "beavertails",
       .sets = "PKU-Alignment/BeaverTails",
       .columns = {{"prompt", text}, {"response", text}, {"is_safe", number}},
       .prompt_kind = PromptKind::column,
       .prompt = "prompt",
       .answer_kind = AnswerKind::columns,
       .answers = {"response"},
       .ratings = {{"beavertails-is_safe", "is_safe"}},
       .notes =
           "1 for a safe response, 0 for another. The published rows of this source could not be compared"},
      {.name = "code_ultrafeedback",
       .sets = "coseal/CodeUltraFeedback",
       .columns =
           {{"instruction", text}, {"responses", records}, {"annotations", records}, {"preference", text}},
       .prompt_kind = PromptKind::column,
       .prompt = "instruction",
       .answer_kind = AnswerKind::records,
       .answers = {"responses"},
       .answer_field = "response",
       .ratings = {{"code-complexity", "rating", -0.5, 5},
                   {"code-style", "rating", -0.5, 5},
                   {"code-explanation", "rating", -0.5, 5},
                   {"code-instruction-following", "rating", -0.5, 5},
                   {"code-readability", "rating", -0.5, 5}},
       .rated_in = "annotations",
       .attribute_of = "preference",
       .notes = kCentred},
      {.name = "prometheus",
       .sets = "prometheus-eval/Feedback-Collection",
       .columns = {{"orig_instruction", text}, {"orig_response", text}, {"orig_score", number}},
       .prompt_kind = PromptKind::column,
       .prompt = "orig_instruction",
       .answer_kind = AnswerKind::columns,
       .answers = {"orig_response"},
       .ratings = {{"prometheus-score", "orig_score", -0.5, 5}},
       .notes = kCentred},
      {.name = "argilla_capybara",
       .sets = "argilla/Capybara-Preferences-Filtered, argilla/Capybara-Preferences",
       .columns = {{"chosen", messages},
                   {"rejected", messages},
                   {"chosen_rating", number},
                   {"rejected_rating", number}},
       .answer_kind = AnswerKind::conversations,
       .answers = {"chosen", "rejected"},
       .ratings = {{"argilla-overall_quality", {}, -0.5, 5}},
       .rated_by = {"chosen_rating", "rejected_rating"},
       .notes = kCentred},
      {.name = "argilla_math",
       .sets = "argilla/distilabel-math-preference-dpo",
       .columns = {{"instruction", text},
                   {"chosen_response", text},
                   {"rejected_response", text},
                   {"chosen_rating", number},
                   {"rejected_rating", number}},
       .prompt_kind = PromptKind::column,
       .prompt = "instruction",
       .answer_kind = AnswerKind::columns,
       .answers = {"chosen_response", "rejected_response"},
       .ratings = {{"ultrafeedback-instruction_following", {}, -0.5, 5}},
       .rated_by = {"chosen_rating", "rejected_rating"},
       .notes = kCentred},
      {.name = "argilla_openorca",
       .sets = "argilla/distilabel-intel-orca-dpo-pairs",
       .columns = {{"system", text}, {"input", text}, {"generations", texts}, {"rating", numbers}},
       .prompt_kind = PromptKind::column,
       .prompt = "input",
       .system = "system",
       .answer_kind = AnswerKind::list,
       .answers = {"generations"},
       .ratings = {{"argilla-judge_lm", {}, -0.5, 10}},
       .rated_by = {"rating"},
       .notes = kCentred},
  };
}

bool begins_list_of_numbers(std::string_view json) {
  json = trimmed(json);
  if (!json.starts_with('[')) return false;
  json = trimmed(json.substr(1));
  return json.starts_with("null") ||
         (!json.empty() && std::string_view("-0123456789N").find(json[0]) != std::string_view::npos);
}

bool begins_list_of_objects(std::string_view json) {
  json = trimmed(json);
  return json.starts_with('[') && trimmed(json.substr(1)).starts_with('{');
}

}  // namespace

std::span<const Form> pair_forms() {
  static const std::vector<Form> forms = make_pair_forms();
  return forms;
}

std::span<const Form> rating_forms() {
  static const std::vector<Form> forms = make_rating_forms();
  return forms;
}

const Form& form_of(PairForm form) { return pair_forms()[static_cast<std::size_t>(form) - 1]; }
const Form& form_of(RatingForm form) { return rating_forms()[static_cast<std::size_t>(form) - 1]; }

Want want_of(ColumnType type) {
  if (type == number) return Want::number;
  return type == records || type == record || type == numbers ? Want::json : Want::turns;
}

std::optional<double> number_in_text(const std::string& digits) {
  char* end = nullptr;
  const double value = std::strtod(digits.c_str(), &end);
  if (digits.empty() || end != digits.c_str() + digits.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<double> number_in(const Cell& cell) {
  if (cell.kind == CellKind::number)
    return std::isnan(cell.number) ? std::nullopt : std::optional(cell.number);
  return cell.kind == CellKind::text ? number_in_text(cell.text) : std::nullopt;
}

bool is_of_type(const Cell& cell, ColumnType type) {
  const bool is_text = cell.kind == CellKind::text;
  const bool is_messages = cell.kind == CellKind::turns && !cell.turns.empty();
  switch (type) {
    case text:
      return is_text && !is_transcript(cell.text);
    case prompt:
      return is_text || is_messages;
    case messages:
      return is_messages;
    case texts:
      return cell.kind == CellKind::texts;
    case transcript:
      return is_text && is_transcript(cell.text);
    case number:
      return number_in(cell).has_value();
    case records:
      return cell.kind == CellKind::json && begins_list_of_objects(cell.text);
    case numbers:
      return cell.kind == CellKind::json && begins_list_of_numbers(cell.text);
    case record:
      return cell.kind == CellKind::json && trimmed(cell.text).starts_with('{');
  }
  return false;
}

}  // namespace armorm::data
