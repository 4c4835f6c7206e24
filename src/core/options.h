// Options, declared once for the command line, config files, help, man pages, completions, resume keys and
// reports. A program's fields are plain data. Its OptionList binds a name, an effect and a help text to each;
// the default is the field's initial value.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "armorm/dataset_paths.h"
#include "core/words.h"

namespace armorm {

// What changes with the option's value. Resume keys and reports select their options by it.
enum class OptionEffect {
  results,    // published numbers: a run resumes only with the same value
  inputs,     // which model, data and rows are read: identified by content, not by name
  resources,  // the device, and the speed
  output,     // where and when files are written or replaced, and what is shown
};

// The text of a declaration.
struct OptionText {
  const char* name;  // with underscores: "n_shards"
  OptionEffect effect;
  const char* help;  // one sentence; range and unit where they matter
};

// A field with one enumerator or a list of them, read and written as words.
class WordField {
 public:
  template <Worded E>
  explicit WordField(E& field)
      : WordField(
            words_of(E{}), false, [&field] { return Indices{static_cast<std::size_t>(field)}; },
            [&field](const Indices& indices) { field = static_cast<E>(indices.front()); }) {}
  template <Worded E>
  explicit WordField(std::vector<E>& list)
      : WordField(
            words_of(E{}), true,
            [&list] {
              Indices indices;
              for (const E value : list) indices.push_back(static_cast<std::size_t>(value));
              return indices;
            },
            [&list](const Indices& indices) {
              list.clear();
              for (const std::size_t index : indices) list.push_back(static_cast<E>(index));
            }) {}

  bool is_list() const noexcept { return is_list_; }
  const std::vector<std::string>& choices() const noexcept { return choices_; }
  std::vector<std::string> words() const;  // one word, or those of the list
  // Assigns as many words as the field takes. usage error that begins with `what` for an unknown word; the
  // field is then unchanged.
  void assign(std::string_view what, const std::vector<std::string>& words) const;

 private:
  using Indices = std::vector<std::size_t>;
  WordField(std::span<const std::string_view> choices, bool is_list, std::function<Indices()> get,
            std::function<void(const Indices&)> set)
      : choices_(choices.begin(), choices.end()),
        is_list_(is_list),
        get_(std::move(get)),
        set_(std::move(set)) {}

  std::vector<std::string> choices_;
  bool is_list_ = false;
  std::function<Indices()> get_;
  std::function<void(const Indices&)> set_;
};

struct Option {
  using Target = std::variant<bool*, std::int64_t*, std::optional<std::int64_t>*, double*, std::string*,
                              std::vector<std::string>*, std::vector<double>*, std::vector<std::int64_t>*,
                              DatasetPaths*, WordField>;
  std::string name;
  OptionEffect effect;
  std::string help;
  Target target;  // field that receives the value; lists take comma-separated values

  // The words allowed for a single value; empty = any.
  const std::vector<std::string>& choices() const;
};

class OptionList {
 public:
  template <class T>
  OptionList& add(const OptionText& text, T& field) {
    if constexpr (requires { WordField(field); })
      options_.push_back({text.name, text.effect, text.help, WordField(field)});
    else
      options_.push_back({text.name, text.effect, text.help, &field});
    return *this;
  }
  const std::vector<Option>& options() const noexcept { return options_; }

 private:
  std::vector<Option> options_;
};

// The current value as text, as shown in help ("" for an empty string or list).
std::string value_text(const Option& option);

struct OptionValue {
  std::string name;
  OptionEffect effect;
  std::string text;
};

// The current values of the fields.
std::vector<OptionValue> values_of(const OptionList& options);

// A JSON file of the form {"common": {...}, "program-a": {...}, ...}.
struct ConfigFile {
  std::string path;
  std::vector<std::string> sections;         // sections that the file may have
  std::string program;                       // its section is read after "common"
  std::vector<std::string> known_elsewhere;  // keys of "common" that belong to other programs
  std::string help_command;                  // lists the program's options; shown with an unknown key
};

// Assigns every key of "common" and of the program's section, except the options in `given` (the command line
// takes precedence). Values are strict: a number in quotes is an error. Usage errors name the file and the
// key; other programs' sections are not read. Returns the names of the assigned options, sorted.
std::vector<std::string> apply_config(const ConfigFile& file, const OptionList& options,
                                      const std::vector<std::string>& given);

// Converts settings in backquotes, as messages of lower modules contain them, to flags if they are in
// `names`: "rename with `columns`" -> "rename with --columns".
std::string with_flags(const std::string& message, const std::vector<std::string>& names);

}  // namespace armorm
