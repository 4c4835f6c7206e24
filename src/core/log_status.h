// A line at the bottom of the terminal that the log's lines appear above. Only if log::draws_on_terminal().
#pragma once

#include <string>

namespace armorm::log {

void draw_status(const std::string& text);  // anew, cut to the terminal's width
void keep_status();                         // what is drawn stays, and later lines follow it

}  // namespace armorm::log
