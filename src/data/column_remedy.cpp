#include "data/column_remedy.h"

#include <algorithm>
#include <array>

namespace armorm::data {
namespace {

struct PublicForm {
  std::array<std::string_view, 3> columns;
  std::string_view remedy;
};

constexpr std::array<PublicForm, 3> kForms{{
    {{"response_0", "response_1", "better_response_id"},
     "rows name the better of two responses, as in PKU-SafeRLHF; convert them to chosen and rejected by "
     "better_response_id, as renaming would mislabel half of them"},
    {{"prompt", "answers", "num_responses"},
     "rows rank several answers, as in Nectar; convert them to pairs of chosen and rejected, each a list of "
     "messages"},
    {{"prompt", "response", "helpfulness"},
     "rows hold a prompt and a response, as in HelpSteer2; convert them to the column messages, a list of a "
     "user and an assistant message"},
}};

bool has_form(const std::vector<std::string>& columns, const PublicForm& form) {
  return std::all_of(form.columns.begin(), form.columns.end(), [&](std::string_view column) {
    return std::find(columns.begin(), columns.end(), column) != columns.end();
  });
}

}  // namespace

std::string column_remedy(Want want, const std::vector<std::string>& columns) {
  if (want == Want::number)
    return "name the columns that hold labels with `attributes`, and that of sample weights with "
           "`weight_column`, or rename one with `columns`";
  for (const PublicForm& form : kForms)
    if (want == Want::turns && has_form(columns, form)) return std::string(form.remedy);
  return "rename with `columns`";
}

}  // namespace armorm::data
