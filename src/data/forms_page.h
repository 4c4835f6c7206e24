// The documentation of the forms of data sets, from their descriptions.
#pragma once

#include <string>

#include "data/form.h"

namespace armorm::data {

std::string forms_page();  // docs/data-forms.md

// "hh_rlhf (chosen, rejected)": the form with its columns, for a log line.
std::string form_summary(const Form& form);

}  // namespace armorm::data
