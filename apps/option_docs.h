// Man page and shell completions of a program, from the same option declarations that the command line uses.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/options.h"

namespace armorm::cli {

// Of the programs that are installed.
const std::vector<std::string>& program_names();

// What the documents of one program say; `options` are its own and then those that every program has.
struct ProgramDocs {
  std::string name;
  std::string purpose;  // one sentence
  std::vector<Option> options;
};

std::string man_page(const ProgramDocs& docs);  // section 1, in the macros of man(7)

// For one shell: bash, zsh or fish.
std::string completion(const ProgramDocs& docs, const std::string& shell);

// What an option takes: "INT", "FOLDER,...", "llama3|gemma2"; "" for a flag that takes nothing.
std::string value_name(const Option& option);
bool takes_folder(const Option& option);
bool takes_path(const Option& option);  // a folder too

// Writes the page and the completions where they lie below a prefix's share: man/man1/NAME.1,
// bash-completion/completions/NAME, zsh/site-functions/_NAME, fish/vendor_completions.d/NAME.fish. I/O
// errors.
void write_docs(const ProgramDocs& docs, const std::filesystem::path& share);

}  // namespace armorm::cli
