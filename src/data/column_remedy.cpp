#include "data/column_remedy.h"

namespace armorm::data {

std::string column_remedy(Want want) {
  if (want == Want::number)
    return "name the columns that hold labels with `attributes`, and that of sample weights with "
           "`weight_column`, or rename one with `columns`";
  if (want == Want::text) return "name one of these, or rename one with `columns`";
  return "rename with `columns`, or name the form of the rows with `form` (docs/data-forms.md lists the "
         "forms "
         "and their columns)";
}

}  // namespace armorm::data
