// The documentation of the forms of data sets, from their descriptions.
#pragma once

#include <string>
#include <string_view>

#include "data/form.h"

namespace armorm::data {

std::string forms_page();  // docs/data-forms.md

// "hh_rlhf (chosen, rejected)": the form with its columns, for a log line; `label` is the one that is chosen.
std::string form_summary(const Form& form, std::string_view label);

}  // namespace armorm::data
