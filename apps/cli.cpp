#include "cli.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "armorm/core/error.h"
#include "armorm/core/log.h"
#include "armorm/core/version.h"
#include "armorm/stages/all_options.h"
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

int report(const std::string& program, int code, const std::string& message) {
  std::cerr << program << ": error: " << one_line(message) << "\n";
  return code;
}

}  // namespace

int run(int argc, char** argv, const std::string& program, const std::string& purpose, const OptionList& options,
        const std::function<void()>& body) {
  CLI::App app{purpose, program};
  app.set_version_flag("--version", program + " " + version_text());
  std::string config;
  std::string log_level = "info";
  app.add_option("--config", config, "JSON file with options by section; the command line wins over it");
  app.add_option("--log_level", log_level, "debug, info, warn or error")->capture_default_str();
  bool print_man_page = false;
  bool print_completion = false;
  app.add_flag("--man_page", print_man_page, "Print this program's man page and end")->group("Documentation");
  app.add_flag("--bash_completion", print_completion, "Print this program's completion for bash and end")
      ->group("Documentation");
  for (const Option& option : options.options()) std::visit(Bind{app, option}, option.target);
  try {
    app.parse(argc, argv);
    if (print_man_page || print_completion) {
      std::cout << (print_man_page ? man_page(program, purpose, options) : bash_completion(program, options));
      return 0;
    }
    log::set_level(log_level);
    if (!config.empty()) apply_config(config, program, options, names_given(app), all_option_names());
    body();
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
