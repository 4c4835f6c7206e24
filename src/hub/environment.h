// What the environment says about the Hub's cache, and what a commit looks like.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace armorm::data {

std::string environment(const char* name);                // "" when not set
std::filesystem::path expanded(const std::string& path);  // a leading "~" is the home folder
std::filesystem::path hub_home();  // $HF_HOME, else $XDG_CACHE_HOME/huggingface, else ~/.cache/huggingface

bool is_commit(std::string_view text);  // 40 hexadecimal digits in lower case

}  // namespace armorm::data
