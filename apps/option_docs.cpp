#include "option_docs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "armorm/core/version.h"

namespace armorm::cli {
namespace {

struct ValueName {
  std::string operator()(const bool*) const { return ""; }
  std::string operator()(const std::int64_t*) const { return "INT"; }
  std::string operator()(const double*) const { return "NUMBER"; }
  std::string operator()(const std::string*) const { return "TEXT"; }
  template <class T>
  std::string operator()(const std::vector<T>*) const {
    return ValueName()(static_cast<const T*>(nullptr)) + ",...";
  }
};

// roff takes a leading dot or quote, and every backslash and minus, for its own.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') out += "\\e";
    else if (c == '-') out += "\\-";
    else if (out.empty() && (c == '.' || c == '\'')) out += std::string("\\&") + c;
    else out += c;
  }
  return out;
}

// The two options that every program has besides its own.
std::vector<std::pair<std::string, std::string>> shared_options() {
  return {{"config", "JSON file with options by section; the command line wins over it"},
          {"log_level", "debug, info, warn or error"}};
}

std::string man_option(const Option& option) {
  std::string text = fmt::format(".TP\n\\fB\\-\\-{}\\fR", roff(option.name));
  const std::string value = std::visit(ValueName{}, option.target);
  if (!value.empty()) text += fmt::format(" \\fI{}\\fR", value);
  text += "\n" + roff(option.help) + ".";
  if (!option.choices.empty()) text += fmt::format(" One of {}.", roff(fmt::format("{}", fmt::join(option.choices, ", "))));
  const std::string current = value_text(option);
  if (!value.empty() && !current.empty()) text += " Default: " + roff(current) + ".";
  return text + "\n";
}

bool names_a_path(const std::string& name) {
  return name == "config" || name == "export" || name == "input" || name == "output" || name.ends_with("_path") || name.ends_with("_dir") || name.ends_with("_root") ||
         name.ends_with("_dataset");
}

}  // namespace

std::string man_page(const std::string& program, const std::string& purpose, const OptionList& options) {
  std::string text = fmt::format(".TH {} 1 \"\" \"armorm {}\"\n.SH NAME\n{} \\- {}\n", program, kVersion, roff(program),
                                 roff(purpose));
  text += fmt::format(".SH SYNOPSIS\n.B {}\n[\\fIoptions\\fR]\n.SH OPTIONS\n", roff(program));
  for (const Option& option : options.options()) text += man_option(option);
  for (const auto& [name, help] : shared_options())
    text += fmt::format(".TP\n\\fB\\-\\-{}\\fR \\fITEXT\\fR\n{}.\n", name, roff(help));
  return text + ".SH EXIT STATUS\n0 ok, 1 internal error, 2 wrong usage, 3 missing file or failed I/O, 4 bad data, "
                "5 another process is at work on the same output, 75 stopped when asked to (the same command goes on).\n"
                ".SH ENVIRONMENT\n.TP\nARMORM_DATA\nDefault of \\-\\-data_root.\n";
}

std::string bash_completion(const std::string& program, const OptionList& options) {
  std::string function = "_armorm_" + program;
  std::replace(function.begin(), function.end(), '-', '_');
  std::vector<std::string> flags{"--help", "--version"};
  std::string cases;
  std::vector<std::string> paths;
  const auto add = [&](const std::string& name, const std::vector<std::string>& choices) {
    flags.push_back("--" + name);
    if (names_a_path(name)) paths.push_back("--" + name);
    if (!choices.empty())
      cases += fmt::format("    --{}) COMPREPLY=($(compgen -W '{}' -- \"$cur\")); return;;\n", name, fmt::join(choices, " "));
  };
  for (const Option& option : options.options()) add(option.name, option.choices);
  for (const auto& [name, help] : shared_options()) add(name, {});
  if (!paths.empty()) cases += fmt::format("    {}) COMPREPLY=($(compgen -f -- \"$cur\")); return;;\n", fmt::join(paths, "|"));
  return fmt::format(
      "{0}() {{\n  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}\n  case $prev in\n{1}  esac\n"
      "  COMPREPLY=($(compgen -W '{2}' -- \"$cur\"))\n}}\ncomplete -o filenames -F {0} {3}\n",
      function, cases, fmt::join(flags, " "), program);
}

}  // namespace armorm::cli
