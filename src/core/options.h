// One declaration of an option serves the command line, the config file and --help alike: a stage's option
// struct lists its fields once in declare(), each with its help; the default is the field's initial value.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace armorm {

struct Option {
  using Target = std::variant<bool*, std::int64_t*, double*, std::string*, std::vector<std::string>*,
                              std::vector<double>*, std::vector<std::int64_t>*>;
  std::string name;                  // without dashes, with underscores: "n_shards"
  std::string help;                  // one sentence; range and unit where they matter
  Target target;                     // field that receives the value; lists take comma-separated values
  std::vector<std::string> choices;  // empty = free
};

class OptionList {
 public:
  template <class T>
  OptionList& add(std::string name, T& field, std::string help, std::vector<std::string> choices = {}) {
    options_.push_back({std::move(name), std::move(help), Option::Target{&field}, std::move(choices)});
    return *this;
  }
  const std::vector<Option>& options() const noexcept { return options_; }

 private:
  std::vector<Option> options_;
};

// The current value as text, as --help shows it ("" for an empty string or list).
std::string value_text(const Option& option);

// Reads a JSON config of the form {"common": {...}, "stage1-prepare": {...}, ...} and assigns every key of
// "common" and of section `program`, except the options named in `given` (those of the command line win). A
// key of "common" may belong to another program: `known_elsewhere` lists the names that are fine to pass
// over. Usage errors name the file and the key, and list near names; other programs' sections are not looked
// into. Returns the names that were assigned, sorted.
std::vector<std::string> apply_config(const std::string& path, const std::string& program,
                                      const OptionList& options, const std::vector<std::string>& given,
                                      const std::vector<std::string>& known_elsewhere);

}  // namespace armorm
