#include "cli.h"

#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "commit.h"
#include "core/display_width.h"
#include "core/error.h"
#include "core/log.h"
#include "core/lost_mapping.h"
#include "core/standard_descriptors.h"
#include "core/stop_deadline.h"
#include "core/stop_point.h"
#include "core/stop_signal.h"
#include "core/strings.h"
#include "core/terminal.h"
#include "core/version.h"
#include "option_docs.h"
#include "stages/build_facts.h"
#include "stages/options/declarations.h"

namespace armorm::cli {
namespace {

struct Bind {
  CLI::App& app;
  const Option& option;
  std::string flag() const { return "--" + option.name; }

  CLI::Option* operator()(bool* target) const { return app.add_flag(flag(), *target, option.help); }
  template <class T>
  CLI::Option* operator()(std::vector<T>* target) const {
    return app.add_option(flag(), *target, option.help)->delimiter(',')->default_str(default_text(option));
  }
  template <class T>
  CLI::Option* operator()(T* target) const {
    return app.add_option(flag(), *target, option.help)->default_str(default_text(option));
  }
  CLI::Option* operator()(std::optional<std::int64_t>* target) const {
    const auto assign = [target](const std::int64_t& value) { *target = value; };
    return app.add_option_function<std::int64_t>(flag(), assign, option.help)
        ->default_str(value_text(option));
  }
  // Commas are resolved where it is known which paths exist.
  CLI::Option* operator()(DatasetPaths* target) const {
    return app.add_option(flag(), target->paths, option.help)->default_str(value_text(option));
  }
  CLI::Option* operator()(const WordField& field) const {
    if (field.is_list()) return add_words<std::vector<std::string>>(field)->delimiter(',');
    return add_words<std::string>(field)->check(CLI::IsMember(field.choices()));
  }
  template <class Words>
  CLI::Option* add_words(const WordField& field) const {
    const auto assign = [field, name = flag()](const Words& words) {
      if constexpr (std::is_same_v<Words, std::string>)
        field.assign(name, {words});
      else
        field.assign(name, words);
    };
    return app.add_option_function<Words>(flag(), assign, option.help)->default_str(value_text(option));
  }
};

// Lines fit the terminal, and 100 columns elsewhere: descriptions break at spaces, lists of choices after
// commas.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_description(const CLI::App* app) const override {
    return broken(CLI::Formatter::make_description(app), 0);
  }
  std::string make_option_desc(const CLI::Option* option) const override {
    return broken(CLI::Formatter::make_option_desc(option), get_column_width());
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    constexpr std::size_t kIndent = 6;
    const std::string text = CLI::Formatter::make_option_opts(option);
    std::size_t at = 2 + option->get_name(false, true).size();
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t end = std::min(text.find(',', i), text.size() - 1) + 1;
      if (at > kIndent && at + end - i > columns()) {
        out += "\n" + std::string(kIndent, ' ');
        at = kIndent;
      }
      out.append(text, i, end - i);
      at += end - i;
      i = end;
    }
    return out;
  }

 private:
  static std::size_t columns() {
    constexpr std::size_t kMost = 100, kLeast = 60;
    return std::clamp<std::size_t>(terminal::columns(STDOUT_FILENO, kMost), kLeast, kMost);
  }
  static std::string broken(const std::string& text, std::size_t columns_before) {
    return wrapped_words(text, columns() - columns_before, 0);
  }
};

std::vector<std::string> names_given(const CLI::App& app) {
  std::vector<std::string> given;
  for (const CLI::Option* option : app.get_options())
    if (option->count() > 0) given.push_back(option->get_single_name());
  return given;
}

// CLI11 spreads some messages over several lines, and ends some with a line feed; a log reader wants one.
std::string message_line(std::string_view message) {
  std::string text(message);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  text = shown_message(text);
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

// The first line is for people and scripts, what follows for a report of a fault.
std::string version_page(const std::string& program) {
  BuildFacts facts{{"commit", kCommit}};
  for (const BuildFacts& more : {compiler_facts(), stages::library_facts()})
    facts.insert(facts.end(), more.begin(), more.end());
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
    app.add_flag("--man_page", man_page, "Print this program's man page and exit")->group(group);
    app.add_option("--completion", shell, "Print this program's completion for bash, zsh or fish and exit")
        ->group(group);
    app.add_option("--write_docs", folder, "Write man page and completions into a folder and exit")
        ->group(group);
  }
  // False when none was asked for.
  bool serve(const ProgramDocs& docs) const {
    if (man_page) std::cout << cli::man_page(docs);
    if (!shell.empty()) std::cout << completion(docs, shell);
    if (!folder.empty()) write_docs(docs, folder);
    return man_page || !shell.empty() || !folder.empty();
  }
};

// The recipe of a data set may stand by the config that names it, so that both can be installed together.
void look_beside(const std::filesystem::path& config, std::string& dataset) {
  std::error_code error;
  const std::filesystem::path path = dataset;
  if (path.extension() != ".json" || std::filesystem::exists(path, error)) return;
  const std::filesystem::path beside = config.parent_path() / path;
  if (std::filesystem::exists(beside, error)) dataset = beside.string();
}

void look_for_recipes(const std::filesystem::path& config, const std::vector<Option>& options,
                      const std::vector<std::string>& assigned) {
  for (const Option& option : options) {
    const bool is_dataset = option.name == "dataset_path" || option.name.ends_with("_dataset");
    if (!is_dataset || std::find(assigned.begin(), assigned.end(), option.name) == assigned.end()) continue;
    if (auto* const* const dataset = std::get_if<std::string*>(&option.target))
      look_beside(config, **dataset);
    if (auto* const* const sets = std::get_if<DatasetPaths*>(&option.target))
      for (std::string& dataset : (*sets)->paths) look_beside(config, dataset);
  }
}

// Which options the file set.
std::vector<std::string> read_config(const std::string& path, const std::string& program,
                                     const OptionList& options, const CLI::App& app) {
  ConfigFile file{path, program_names(), program, stages::options::all_option_names(), program + " --help"};
  file.sections.insert(file.sections.begin(), "common");
  try {
    std::vector<std::string> assigned = apply_config(file, options, names_given(app));
    look_for_recipes(path, options.options(), assigned);
    return assigned;
  } catch (const Error& error) {
    throw Error(error.kind(), std::string("--config ") + error.what());
  }
}

std::vector<Option> joined(std::vector<Option> options, const std::vector<Option>& more) {
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

// For scripts, which would otherwise need to read JSON with comments themselves. They get the values
// unescaped.
void print_assigned(const std::vector<Option>& options, const std::vector<std::string>& assigned) {
  std::string lines;
  for (const Option& option : options) {
    if (std::find(assigned.begin(), assigned.end(), option.name) == assigned.end()) continue;
    const std::string value = value_text(option);
    if (escape_controls(value) != value)
      fail_usage("--print_config: {} is '{}', which is not one line of text; take the control characters out",
                 option.name, shown(value));
    lines += option.name + '\t' + value + '\n';
  }
  std::cout << lines;
}

int report(const std::string& program, int code, const std::string& message) {
  std::cerr << program << ": error: " << message_line(message) << "\n";
  return code;
}

int success(const std::string& program) {
  std::cout.flush();
  if (std::cout) return 0;
  return report(program, static_cast<int>(ErrorKind::io),
                "standard output: write failed; check what it is connected to");
}

// Names and options go into metadata and reports, which are UTF-8.
void check_encoding(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    try {
      nlohmann::json(argv[i]).dump();
    } catch (const nlohmann::json::exception&) {
      fail_usage("argument {} is not UTF-8; rename what it names, or set a link with a name that is", i);
    }
  }
}

// Of the two seconds that a program takes at most to end when asked to; the rest is for the way out.
constexpr std::chrono::milliseconds kStopPatience(1500);

// While other threads are at work: without the locks of streams, destructors and handlers.
[[noreturn]] void end_at_once(const std::string& program) {
  const std::string line = fmt::format("{}: error: {}\n", program, kStoppedText);
  (void)!::write(STDERR_FILENO, line.data(), line.size());
  std::_Exit(static_cast<int>(ErrorKind::interrupted));
}

void run_stoppable(const std::string& program, const std::function<void(const StopRequested&)>& body) {
  // Until the process is gone: a signal that comes on the way out must not make finished work a failure.
  static const auto* const signal = new StopSignal;
  const StopRequested requested = [] { return signal->requested(); };
  const StopDeadline deadline(requested, kStopPatience, [&program] { end_at_once(program); });
  body(requested);
}

// What the programs end with, whatever `work` throws.
int guarded(const CLI::App& app, const std::string& program, const std::function<void()>& work) {
  try {
    work();
    return success(program);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {  // --help, --version
      app.exit(error);
      return success(program);
    }
    return report(program, static_cast<int>(ErrorKind::usage),
                  fmt::format("{}; see {} --help", error.what(), program));
  } catch (const Error& error) {
    return report(program, error.exit_code(), stages::options::with_flags(error.what()));
  } catch (const std::filesystem::filesystem_error& error) {
    return report(program, static_cast<int>(ErrorKind::io),
                  fmt::format("{}: {}; check its name and who may use it", error.path1().string(),
                              error.code().message()));
  } catch (const std::bad_alloc&) {
    return report(program, 1, "out of memory; use more shards (--n_shards) or a machine with more memory");
  } catch (const std::exception& error) {
    return report(program, 1, std::string("internal error: ") + error.what());
  }
}

// Ends the process without unloading its libraries, which takes LibTorch a third of a second: all files are
// published and all streams flushed. Leak checks and CUDA's profilers report on the complete way out.
int leave(int status) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  if (std::getenv("CUDA_INJECTION64_PATH") == nullptr) {
    std::cout.flush();
    std::fflush(nullptr);
    std::_Exit(status);
  }
#endif
  return status;
}

}  // namespace

int run(int argc, char** argv, const std::string& program, const std::string& purpose,
        const OptionList& options, const std::function<void(const StopRequested&)>& body) {
  open_standard_descriptors();
  report_lost_mappings(program);
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on files is a failed write, whose error names the file
  CLI::App app{purpose, program};
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_version_flag(
      "--version", [&program] { return version_page(program); }, "Print version and build configuration");
  std::string config;
  bool print_config = false;
  auto log_level = log::Level::info;
  OptionList configurable = options, about_config;
  configurable.add({"log_level", OptionEffect::output, "Minimum severity of log messages"}, log_level);
  about_config
      .add({"config", OptionEffect::inputs,
            "JSON file with options by section; the command line overrides it"},
           config)
      .add({"print_config", OptionEffect::output,
            "Print the options that --config sets for this program, one NAME<TAB>VALUE per line, and exit"},
           print_config);
  const std::vector<Option> all = joined(configurable.options(), about_config.options());
  for (const Option& option : all) std::visit(Bind{app, option}, option.target);
  DocsRequest docs;
  docs.declare(app);
  return leave(guarded(app, program, [&] {
    check_encoding(argc, argv);
    app.parse(argc, argv);
    if (docs.serve({program, purpose, all})) return;
    std::vector<std::string> assigned;
    if (!config.empty()) assigned = read_config(config, program, configurable, app);
    log::set_level(log_level);
    if (print_config)
      print_assigned(configurable.options(), assigned);
    else
      run_stoppable(program, body);
  }));
}

}  // namespace armorm::cli
