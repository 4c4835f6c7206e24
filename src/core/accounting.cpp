#include "core/accounting.h"

#include "core/error.h"
#include "core/log.h"

namespace armorm {
namespace {

constexpr std::size_t kMaxShownNames = 20;
constexpr std::size_t kMaxNameBytes = 80;

std::string shown(const std::string& name, std::int64_t times) {
  std::string text;
  for (const char c : name.substr(0, kMaxNameBytes))
    text += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  if (name.size() > kMaxNameBytes) text += "...";
  return times == 1 ? fmt::format("'{}'", text) : fmt::format("'{}' ({} times)", text, times);
}

}  // namespace

void Accounting::give(std::string_view name, std::int64_t times) {
  const auto found = given_.find(name);
  if (found == given_.end())
    given_.emplace(name, times);
  else
    found->second += times;
}

std::map<std::string, std::int64_t> Accounting::rest() const {
  std::map<std::string, std::int64_t> names;
  for (const auto& [name, times] : given_)
    if (!known_.contains(name)) names.emplace(name, times);
  return names;
}

std::string Accounting::description() const {
  const auto names = rest();
  if (names.empty()) return "";
  std::string text = fmt::format("{}: {}{}", where_, kind_, names.size() > 1 ? "s" : "");
  std::size_t count = 0;
  for (const auto& [name, times] : names) {
    if (++count > kMaxShownNames) return text + fmt::format(" and {} more", names.size() - kMaxShownNames);
    text += (count > 1 ? ", " : " ") + shown(name, times);
  }
  return text;
}

void Accounting::refuse_rest(std::string_view remedy) const {
  const std::string text = description();
  if (!text.empty()) fail_data("{}: not known here; {}", text, remedy);
}

void Accounting::warn_of_rest(std::string_view consequence) const {
  const std::string text = description();
  if (!text.empty()) log::warn("{}: not known here; {}", text, consequence);
}

void Accounting::warn_of_rest_once(std::string_view consequence) const {
  const std::string text = description();
  if (!text.empty()) log::warn_once(fmt::format("{}: not known here; {}", text, consequence));
}

}  // namespace armorm
