// Man page and shell completions of a program, from the option declarations of its command line.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/options.h"

namespace armorm::cli {

// Names of the installed programs.
const std::vector<std::string>& program_names();

// Content of a program's documents; `options` are its own, followed by those of every program.
struct ProgramDocs {
  std::string name;
  std::string purpose;  // one sentence
  std::vector<Option> options;
};

std::string man_page(const ProgramDocs& docs);  // section 1, in the macros of man(7)

// For one shell: bash, zsh or fish.
std::string completion(const ProgramDocs& docs, const std::string& shell);

// Name of an option's value: "INT", "FOLDER,...", "llama3|gemma2"; "" for a flag without a value.
std::string value_name(const Option& option);
// The current value as text, with the home folder as ~: an installed page must not name its builder's.
std::string default_text(const Option& option);
bool takes_folder(const Option& option);
bool takes_path(const Option& option);  // a file or a folder

// Writes the page and the completions to their places below a prefix's share: man/man1/NAME.1,
// bash-completion/completions/NAME, zsh/site-functions/_NAME, fish/vendor_completions.d/NAME.fish. I/O
// errors.
void write_docs(const ProgramDocs& docs, const std::filesystem::path& share);

}  // namespace armorm::cli
