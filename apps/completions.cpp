// Completions for bash, zsh and fish. None of them completes Hub ids; paths are completed from the disk.

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "option_docs.h"

namespace armorm::cli {
namespace {

// Single quotes protect everything but the quote itself.
std::string quoted(const std::string& text, const char* quote_mark) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string(quote_mark) : std::string(1, c);
  return out + "'";
}

struct BashCases {
  std::string choices;
  std::vector<std::string> folders, paths, free;

  void add(const Option& option) {
    const std::string flag = "--" + option.name;
    if (!option.choices().empty())
      choices += fmt::format("    {}) words='{}' ;;\n", flag, fmt::join(option.choices(), " "));
    else if (takes_folder(option))
      folders.push_back(flag);
    else if (takes_path(option))
      paths.push_back(flag);
    else if (!value_name(option).empty())
      free.push_back(flag);
  }
};

std::string bash_case(const std::vector<std::string>& flags, const std::string& body) {
  return flags.empty() ? "" : fmt::format("    {}) {} ;;\n", fmt::join(flags, "|"), body);
}

// A name with blanks is one candidate, hence lines instead of words. After --flag= bash passes "=" as a
// separate word.
std::string bash_completion(const ProgramDocs& docs) {
  std::string function = "_armorm_" + docs.name;
  std::replace(function.begin(), function.end(), '-', '_');
  BashCases cases;
  std::vector<std::string> flags{"--help", "--version"};
  for (const Option& option : docs.options) {
    flags.push_back("--" + option.name);
    cases.add(option);
  }
  return fmt::format(
      "# bash completion for {3}\n{0}() {{\n"
      "  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} words= action=\n"
      "  if [[ $cur == = ]]; then\n    cur=\n"
      "  elif [[ $prev == = ]]; then\n    prev=${{COMP_WORDS[COMP_CWORD-2]}}\n  fi\n"
      "  case $prev in\n{1}    *) words='{2}' ;;\n  esac\n"
      "  COMPREPLY=()\n"
      "  if [[ -n $action ]]; then\n    compopt -o filenames 2>/dev/null\n"
      "    mapfile -t COMPREPLY < <(compgen -A \"$action\" -- \"$cur\")\n"
      "  elif [[ -n $words ]]; then\n    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n  fi\n"
      "}}\ncomplete -F {0} {3}\n",
      function,
      cases.choices + bash_case(cases.folders, "action=directory") + bash_case(cases.paths, "action=file") +
          bash_case(cases.free, ":"),
      fmt::join(flags, " "), docs.name);
}

// In an _arguments specification, brackets end the help and colons divide its fields.
std::string zsh_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_completion(const ProgramDocs& docs) {
  std::string text = fmt::format(
      "#compdef {}\n_arguments -S \\\n  '--help[list the options]' '--version[report the build]'", docs.name);
  for (const Option& option : docs.options) {
    std::string spec = fmt::format("--{}[{}]", option.name, zsh_escaped(option.help));
    const std::string value = value_name(option);
    if (!value.empty()) {
      std::string action = " ";
      if (!option.choices().empty())
        action = fmt::format("({})", fmt::join(option.choices(), " "));
      else if (takes_path(option))
        action = takes_folder(option) ? "_files -/" : "_files";
      spec =
          fmt::format("--{}=[{}]:{}:{}", option.name, zsh_escaped(option.help), zsh_escaped(value), action);
    }
    text += " \\\n  " + quoted(spec, "'\\''");
  }
  return text + "\n";
}

std::string fish_completion(const ProgramDocs& docs) {
  std::string text = fmt::format(
      "complete -c {0} -f\ncomplete -c {0} -l help -d 'list the options'\n"
      "complete -c {0} -l version -d 'report the build'\n",
      docs.name);
  for (const Option& option : docs.options) {
    std::string how;
    if (!option.choices().empty())
      how = fmt::format(" -x -a '{}'", fmt::join(option.choices(), " "));
    else if (takes_folder(option))
      how = " -x -a '(__fish_complete_directories)'";
    else if (takes_path(option))
      how = " -r -F";
    else if (!value_name(option).empty())
      how = " -x";
    text += fmt::format("complete -c {} -l {}{} -d {}\n", docs.name, option.name, how,
                        quoted(option.help, "\\'"));
  }
  return text;
}

}  // namespace

std::string completion(const ProgramDocs& docs, const std::string& shell) {
  if (shell == "bash") return bash_completion(docs);
  if (shell == "zsh") return zsh_completion(docs);
  if (shell == "fish") return fish_completion(docs);
  fail_usage("--completion: '{}' is unknown; use bash, zsh or fish", shell);
}

}  // namespace armorm::cli
