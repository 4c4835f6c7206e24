// Accounts for everything that a reader was given, by name: the fields of an object, columns, tensors, files.
// A reader declares the names that it uses and those known not to matter, reports what it was given, and then
// refuses the rest by name (where it can change numbers) or warns of it once (where that cannot be known).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>

namespace armorm {

class Accounting {
 public:
  // For messages: `where` is a file or a place in one, `kind` what the names are ("field").
  Accounting(std::string where, std::string kind) : where_(std::move(where)), kind_(std::move(kind)) {}

  void use(std::string_view name) { known_.emplace(name); }
  void ignore(std::string_view name) { known_.emplace(name); }  // known not to matter
  void ignore(std::span<const std::string_view> names) { known_.insert(names.begin(), names.end()); }

  // `times` counts the rows or objects that hold the name.
  void give(std::string_view name, std::int64_t times = 1);

  // What was given and is neither used nor ignored, with its count.
  std::map<std::string, std::int64_t> rest() const;

  // data error that names the rest; nothing if there is none. `remedy` completes "...; remedy".
  void refuse_rest(std::string_view remedy) const;
  // One warning that names the rest with counts above 1; nothing if there is none. `consequence` completes
  // "...; consequence".
  void warn_of_rest(std::string_view consequence) const;
  void warn_of_rest_once(std::string_view consequence) const;  // in a process, where it is read again

 private:
  std::string description() const;  // "dir/config.json: fields 'a', 'b' (3 times)"

  std::string where_;
  std::string kind_;
  std::set<std::string, std::less<>> known_;
  std::map<std::string, std::int64_t, std::less<>> given_;
};

}  // namespace armorm
