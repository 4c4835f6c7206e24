#include "core/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"

namespace armorm {
namespace {

using nlohmann::json;

constexpr const char* kSections[] = {"common",         "stage1-prepare", "stage1-train",
                                     "stage2-prepare", "stage2-train",   "score"};

std::string element_text(const std::string& value) { return value; }
std::string element_text(double value) { return fmt::format("{}", value); }
std::string element_text(std::int64_t value) { return fmt::format("{}", value); }

struct ToText {
  std::string operator()(const bool* v) const { return *v ? "true" : "false"; }
  std::string operator()(const std::int64_t* v) const { return element_text(*v); }
  std::string operator()(const double* v) const { return element_text(*v); }
  std::string operator()(const std::string* v) const { return *v; }
  template <class T>
  std::string operator()(const std::vector<T>* list) const {
    std::string out;
    for (const T& v : *list) out += (out.empty() ? "" : ",") + element_text(v);
    return out;
  }
};

// Strict: a number in quotes or a fraction for a whole number is a mistake worth telling.
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
    if (!value.is_array()) return false;
    std::vector<T> list(value.size());
    for (std::size_t i = 0; i < value.size(); ++i)
      if (!FromJson{value[i]}(&list[i])) return false;
    *out = std::move(list);
    return true;
  }
};

struct TypeName {
  std::string operator()(const bool*) const { return "true or false"; }
  std::string operator()(const std::int64_t*) const { return "a whole number"; }
  std::string operator()(const double*) const { return "a number"; }
  std::string operator()(const std::string*) const { return "a string"; }
  template <class T>
  std::string operator()(const std::vector<T>*) const {
    return "a list, each " + TypeName()(static_cast<const T*>(nullptr));
  }
};

json parse_config(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) fail_io("--config {}: cannot be read; name a file such as those in configs/", path);
  json root = json::parse(in, nullptr, false, true);
  if (root.is_discarded())
    fail_usage("--config {}: is not valid JSON; compare it with the files in configs/", path);
  if (!root.is_object()) fail_usage("--config {}: the top level must be an object of sections", path);
  for (const auto& [section, body] : root.items()) {
    if (std::find(std::begin(kSections), std::end(kSections), section) == std::end(kSections))
      fail_usage("--config {}: unknown section '{}'; sections are {}", path, section,
                 fmt::join(kSections, ", "));
    if (!body.is_object()) fail_usage("--config {}: section '{}' must be an object", path, section);
  }
  return root;
}

// Only scalars are shown: what is nested may be nested deeper than the stack goes.
std::string found_text(const json& value) { return value.is_structured() ? value.type_name() : value.dump(); }

void assign(const std::string& path, const std::string& section, const Option& option, const json& value) {
  if (!std::visit(FromJson{value}, option.target))
    fail_usage("--config {}: {}.{} must be {}, found {}", path, section, option.name,
               std::visit(TypeName{}, option.target), found_text(value));
  const std::string text = value_text(option);
  if (!option.choices.empty() &&
      std::find(option.choices.begin(), option.choices.end(), text) == option.choices.end())
    fail_usage("--config {}: {}.{} must be one of {}, found '{}'", path, section, option.name,
               fmt::join(option.choices, ", "), text);
}

}  // namespace

std::string value_text(const Option& option) { return std::visit(ToText{}, option.target); }

std::vector<std::string> apply_config(const std::string& path, const std::string& program,
                                      const OptionList& options, const std::vector<std::string>& given,
                                      const std::vector<std::string>& known_elsewhere) {
  const json root = parse_config(path);
  const std::set<std::string> from_command_line(given.begin(), given.end());
  std::set<std::string> assigned;  // a key of both sections once
  for (const std::string& section : {std::string("common"), program}) {
    if (!root.contains(section)) continue;
    for (const auto& entry : root[section].items()) {
      const std::string& key = entry.key();
      const auto& list = options.options();
      const auto found =
          std::find_if(list.begin(), list.end(), [&](const Option& o) { return o.name == key; });
      if (found != list.end()) {
        if (from_command_line.contains(key)) continue;
        assign(path, section, *found, entry.value());
        assigned.insert(key);
      } else if (section != "common" ||
                 std::find(known_elsewhere.begin(), known_elsewhere.end(), key) == known_elsewhere.end()) {
        fail_usage("--config {}: unknown key '{}' in section '{}'; `{} --help` lists the options", path, key,
                   section, program);
      }
    }
  }
  return {assigned.begin(), assigned.end()};
}

}  // namespace armorm
