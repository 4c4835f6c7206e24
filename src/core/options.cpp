#include "core/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "core/error.h"

namespace armorm {
namespace {

using nlohmann::json;

std::string element_text(const std::string& value) { return value; }
std::string element_text(double value) { return fmt::format("{}", value); }
std::string element_text(std::int64_t value) { return fmt::format("{}", value); }

struct ToText {
  std::string operator()(const bool* v) const { return *v ? "true" : "false"; }
  std::string operator()(const std::int64_t* v) const { return element_text(*v); }
  std::string operator()(const std::optional<std::int64_t>* v) const { return *v ? element_text(**v) : ""; }
  std::string operator()(const double* v) const { return element_text(*v); }
  std::string operator()(const std::string* v) const { return *v; }
  template <class T>
  std::string operator()(const std::vector<T>* list) const {
    std::string out;
    for (const T& v : *list) out += (out.empty() ? "" : ",") + element_text(v);
    return out;
  }
  std::string operator()(const DatasetPaths* sets) const { return (*this)(&sets->paths); }
  std::string operator()(const WordField& field) const {
    return fmt::format("{}", fmt::join(field.words(), ","));
  }
};

// Returns false for a value of another type: a number in quotes or a fraction for an integer is an error.
struct FromJson {
  const json& value;
  bool operator()(bool* out) const {
    if (!value.is_boolean()) return false;
    *out = value.get<bool>();
    return true;
  }
  bool operator()(std::int64_t* out) const {
    constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<std::uint64_t>() > kMax))
      return false;
    *out = value.get<std::int64_t>();
    return true;
  }
  bool operator()(std::optional<std::int64_t>* out) const {
    std::int64_t number = 0;
    if (!(*this)(&number)) return false;
    *out = number;
    return true;
  }
  bool operator()(double* out) const {
    if (!value.is_number()) return false;
    *out = value.get<double>();
    return true;
  }
  bool operator()(std::string* out) const {
    if (!value.is_string()) return false;
    *out = value.get<std::string>();
    return true;
  }
  template <class T>
  bool operator()(std::vector<T>* out) const {
    return read_list(out);
  }
  template <class T>
  bool read_list(std::vector<T>* out) const {
    if (!value.is_array()) return false;
    std::vector<T> list(value.size());
    for (std::size_t i = 0; i < value.size(); ++i)
      if (!FromJson{value[i]}(&list[i])) return false;
    *out = std::move(list);
    return true;
  }
  // A list of one number may be given as the number.
  bool operator()(std::vector<std::int64_t>* out) const {
    std::int64_t one = 0;
    if ((*this)(&one)) {
      *out = {one};
      return true;
    }
    return read_list(out);
  }
  bool operator()(DatasetPaths* out) const {
    if (!value.is_string()) return (*this)(&out->paths);
    *out = value.get<std::string>();
    return true;
  }
};

// nullopt for a value of another type.
std::optional<std::vector<std::string>> words_in(const json& value, bool is_list) {
  std::vector<std::string> words(1);
  const bool read = is_list ? FromJson{value}(&words) : FromJson{value}(&words.front());
  return read ? std::optional(words) : std::nullopt;
}

struct TypeName {
  std::string operator()(const bool*) const { return "true or false"; }
  std::string operator()(const std::int64_t*) const { return "a whole number"; }
  std::string operator()(const std::optional<std::int64_t>*) const { return "a whole number"; }
  std::string operator()(const double*) const { return "a number"; }
  std::string operator()(const std::string*) const { return "a string"; }
  template <class T>
  std::string operator()(const std::vector<T>*) const {
    return "a list, each " + TypeName()(static_cast<const T*>(nullptr));
  }
  std::string operator()(const std::vector<std::int64_t>*) const {
    return "a whole number, or a list of them";
  }
  std::string operator()(const DatasetPaths*) const { return "a string, or a list of strings"; }
  std::string operator()(const WordField& field) const {
    return field.is_list() ? "a list, each a string" : "a string";
  }
};

// Refuses a key that an object has twice, of which one would be passed over.
class KeyCheck {
 public:
  explicit KeyCheck(std::string path) : path_(std::move(path)) {}
  bool operator()(int depth, json::parse_event_t event, const json& value) {
    keys_.resize(static_cast<std::size_t>(depth) + 1);
    if (event == json::parse_event_t::object_start) keys_.emplace_back();
    if (event == json::parse_event_t::key && !keys_.back().insert(value.get<std::string>()).second)
      fail_usage("{}: the key '{}' appears twice in one object; keep one", path_, value.get<std::string>());
    return true;
  }

 private:
  std::string path_;
  std::vector<std::set<std::string>> keys_;
};

json parse_config(const ConfigFile& file) {
  const std::string& path = file.path;
  std::ifstream in(path, std::ios::binary);
  if (!in) fail_io("{}: cannot be read; name a file such as those in configs/", path);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  json root = json::parse(text, KeyCheck(path), false, true);
  if (root.is_discarded() || text.find('\0') != std::string::npos)
    fail_usage("{}: is not valid JSON; compare it with the files in configs/", path);
  if (!root.is_object()) fail_usage("{}: the top level must be an object of sections", path);
  for (const auto& [section, body] : root.items()) {
    if (std::find(file.sections.begin(), file.sections.end(), section) == file.sections.end())
      fail_usage("{}: unknown section '{}'; sections are {}", path, section, fmt::join(file.sections, ", "));
    if (!body.is_object()) fail_usage("{}: section '{}' must be an object", path, section);
  }
  return root;
}

// Only scalars are shown: what is nested may be nested deeper than the stack goes.
std::string found_text(const json& value) { return value.is_structured() ? value.type_name() : value.dump(); }

// Reads the value of one key; `place` names the key in errors.
class Assignment {
 public:
  Assignment(std::string place, const json& value) : place_(std::move(place)), value_(value) {}

  void operator()(const WordField& field) const {
    const auto words = words_in(value_, field.is_list());
    if (!words) fail_type(field);
    const std::vector<std::string>& choices = field.choices();
    for (const std::string& word : *words)
      if (std::find(choices.begin(), choices.end(), word) == choices.end())
        fail_usage("{} must be one of {}, found '{}'", place_, fmt::join(choices, ", "), word);
    field.assign(place_, *words);
  }
  template <class T>
  void operator()(T* field) const {
    if (!FromJson{value_}(field)) fail_type(field);
  }

 private:
  template <class T>
  [[noreturn]] void fail_type(const T& field) const {
    fail_usage("{} must be {}, found {}", place_, TypeName()(field), found_text(value_));
  }

  std::string place_;
  const json& value_;
};

const Option* find_option(const OptionList& list, const std::string& name) {
  const auto& options = list.options();
  const auto found =
      std::find_if(options.begin(), options.end(), [&](const Option& option) { return option.name == name; });
  return found == options.end() ? nullptr : &*found;
}

void check_elsewhere(const ConfigFile& file, const std::string& section, const std::string& key) {
  const std::vector<std::string>& known = file.known_elsewhere;
  if (section == "common" && std::find(known.begin(), known.end(), key) != known.end()) return;
  fail_usage("{}: unknown key '{}' in section '{}'; `{}` lists the options", file.path, key, section,
             file.help_command);
}

}  // namespace

std::vector<std::string> WordField::words() const {
  std::vector<std::string> words;
  for (const std::size_t index : get_()) words.push_back(choices_[index]);
  return words;
}

void WordField::assign(std::string_view what, const std::vector<std::string>& words) const {
  const std::vector<std::string_view> choices(choices_.begin(), choices_.end());
  Indices indices;
  for (const std::string& word : words) indices.push_back(find_word(what, word, choices));
  set_(indices);
}

const std::vector<std::string>& Option::choices() const {
  static const std::vector<std::string> free;
  const auto* field = std::get_if<WordField>(&target);
  return field != nullptr && !field->is_list() ? field->choices() : free;
}

std::string value_text(const Option& option) { return std::visit(ToText{}, option.target); }

std::vector<OptionValue> values_of(const OptionList& options) {
  std::vector<OptionValue> values;
  for (const Option& option : options.options())
    values.push_back({option.name, option.effect, value_text(option)});
  return values;
}

std::vector<std::string> apply_config(const ConfigFile& file, const OptionList& options,
                                      const std::vector<std::string>& given) {
  const json root = parse_config(file);
  const std::set<std::string> from_command_line(given.begin(), given.end());
  std::set<std::string> assigned;  // a key of both sections once
  for (const std::string& section : {std::string("common"), file.program}) {
    if (!root.contains(section)) continue;
    for (const auto& entry : root[section].items()) {
      const std::string& key = entry.key();
      const Option* option = find_option(options, key);
      if (option == nullptr) {
        check_elsewhere(file, section, key);
      } else if (!from_command_line.contains(key)) {
        std::visit(Assignment(fmt::format("{}: {}.{}", file.path, section, key), entry.value()),
                   option->target);
        assigned.insert(key);
      }
    }
  }
  return {assigned.begin(), assigned.end()};
}

std::string with_flags(const std::string& message, const std::vector<std::string>& names) {
  std::string text;
  std::size_t at = 0;
  for (std::size_t open = message.find('`'); open != std::string::npos; open = message.find('`', at)) {
    const std::size_t close = message.find('`', open + 1);
    if (close == std::string::npos) break;
    const std::string name = message.substr(open + 1, close - open - 1);
    const bool is_option = std::find(names.begin(), names.end(), name) != names.end();
    text += message.substr(at, open - at) + (is_option ? "--" : "`") + name;
    at = is_option ? close + 1 : close;  // an unmatched quote may open the next name
  }
  return text + message.substr(at);
}

}  // namespace armorm
