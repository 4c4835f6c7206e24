// Environment variables of the Hub cache, and the form of a commit id.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace armorm::hub {

std::string environment(const char* name);                // "" when unset
std::filesystem::path expanded(const std::string& path);  // expands "~" at its start, and $NAME
std::filesystem::path hub_home();  // $HF_HOME, else $XDG_CACHE_HOME/huggingface, else ~/.cache/huggingface

bool is_commit(std::string_view text);  // 40 lower-case hexadecimal digits

}  // namespace armorm::hub
