#include "cli.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "armorm/core/error.h"
#include "armorm/core/log.h"
#include "armorm/core/version.h"
#include "armorm/model/torch_errors.h"
#include "armorm/stages/all_options.h"
#include "armorm/stages/build_facts.h"
#include "commit.h"
#include "option_docs.h"

namespace armorm::cli {
namespace {

struct Bind {
  CLI::App& app;
  const Option& option;
  std::string flag() const { return "--" + option.name; }

  CLI::Option* operator()(bool* target) const { return app.add_flag(flag(), *target, option.help); }
  template <class T>
  CLI::Option* operator()(std::vector<T>* target) const {
    return app.add_option(flag(), *target, option.help)->delimiter(',')->default_str(value_text(option));
  }
  template <class T>
  CLI::Option* operator()(T* target) const {
    CLI::Option* added = app.add_option(flag(), *target, option.help)->capture_default_str();
    if (!option.choices.empty()) added->check(CLI::IsMember(option.choices));
    return added;
  }
};

std::vector<std::string> names_given(const CLI::App& app) {
  std::vector<std::string> given;
  for (const CLI::Option* option : app.get_options())
    if (option->count() > 0) given.push_back(option->get_single_name());
  return given;
}

// CLI11 spreads some messages over several lines; a log reader wants one.
std::string one_line(std::string text) {
  for (char& c : text)
    if (c == '\n') c = ' ';
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

// The first line is for people and scripts, what follows for a report of a fault.
std::string version_page(const std::string& program) {
  BuildFacts facts{{"commit", kCommit}};
  for (const BuildFacts& more : {compiler_facts(), library_facts()}) facts.insert(facts.end(), more.begin(), more.end());
  std::string text = fmt::format("{} {}", program, kVersion);
  for (const auto& [name, value] : facts) text += fmt::format("\n{:<11} {}", name, value);
  return text;
}

// What the flags of the group "Documentation" ask for.
struct DocsRequest {
  bool man_page = false;
  std::string shell;
  std::string folder;

  void declare(CLI::App& app) {
    const char* group = "Documentation";
    app.add_flag("--man_page", man_page, "Print this program's man page and end")->group(group);
    app.add_option("--completion", shell, "Print this program's completion for bash, zsh or fish and end")->group(group);
    app.add_option("--write_docs", folder, "Write man page and completions into a folder and end")->group(group);
  }
  // False when none was asked for.
  bool serve(const ProgramDocs& docs) const {
    if (man_page) std::cout << cli::man_page(docs);
    if (!shell.empty()) std::cout << completion(docs, shell);
    if (!folder.empty()) write_docs(docs, folder);
    return man_page || !shell.empty() || !folder.empty();
  }
};

std::vector<Option> joined(std::vector<Option> options, const std::vector<Option>& more) {
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

int report(const std::string& program, int code, const std::string& message) {
  std::cerr << program << ": error: " << one_line(message) << "\n";
  return code;
}

}  // namespace

int run(int argc, char** argv, const std::string& program, const std::string& purpose, const OptionList& options,
        const std::function<void()>& body) {
  CLI::App app{purpose, program};
  app.set_version_flag("--version", [&program] { return version_page(program); }, "Print the version and the facts of the build");
  std::string config;
  std::string log_level = "info";
  OptionList shared;
  shared.add("config", config, "JSON file with options by section; the command line wins over it")
      .add("log_level", log_level, "Least severe messages that are logged", {"debug", "info", "warn", "error"});
  for (const Option& option : joined(shared.options(), options.options())) std::visit(Bind{app, option}, option.target);
  DocsRequest docs;
  docs.declare(app);
  try {
    app.parse(argc, argv);
    if (docs.serve({program, purpose, joined(options.options(), shared.options())})) return 0;
    log::set_level(log_level);
    if (!config.empty()) apply_config(config, program, options, names_given(app), all_option_names());
    translate_torch_errors(body);
    std::cout.flush();
    if (!std::cout) fail_io("standard output: write failed; check what it is connected to");
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return report(program, static_cast<int>(ErrorKind::usage), fmt::format("{}; see {} --help", error.what(), program));
  } catch (const Error& error) {
    return report(program, error.exit_code(), error.what());
  } catch (const std::bad_alloc&) {
    return report(program, 1, "out of memory; use more shards (--n_shards) or a machine with more memory");
  } catch (const std::exception& error) {
    return report(program, 1, std::string("internal error: ") + error.what());
  }
}

}  // namespace armorm::cli
