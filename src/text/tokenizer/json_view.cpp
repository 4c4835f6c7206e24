#include "text/tokenizer/json_view.h"

#include <fmt/core.h>

#include <limits>

#include "core/accounting.h"
#include "core/error.h"
#include "core/strings.h"
#include "io/checked_json.h"

namespace armorm::text::tokenizer {
namespace {

constexpr int kMaxDepth = 64;

}  // namespace

nlohmann::json parse_json(std::string_view text, const std::string& origin) {
  return io::parse_json(text, origin, kMaxDepth);
}

void JsonView::fail(std::string_view found, std::string_view expected) const {
  fail_data("{}: {}: found {}, expected {}; fetch the file again or repair the field", *origin_, path_,
            shown(found, 500), expected);
}

void JsonView::unsupported(std::string_view what) const {
  fail_data(
      "{}: {}: {} is not supported; expected the components of a BPE tokenizer (byte-level or with byte "
      "fallback)",
      *origin_, path_, shown(what, 500));
}

bool JsonView::has(const char* key) const {
  if (!value_->is_object()) return false;
  const auto found = value_->find(key);
  return found != value_->end() && !found->is_null();
}

JsonView JsonView::at(const char* key) const {
  if (!value_->is_object()) fail(value_->type_name(), "an object");
  const auto found = value_->find(key);
  const std::string path = path_.empty() ? key : path_ + "." + key;
  if (found == value_->end()) fail_data("{}: {} is missing; fetch the file again", *origin_, path);
  return {*found, *origin_, path};
}

JsonView JsonView::at(std::size_t index) const {
  const std::string path = fmt::format("{}[{}]", path_, index);
  if (!value_->is_array() || index >= value_->size()) {
    fail_data("{}: {} is missing; expected an array that holds it", *origin_, path);
  }
  return {(*value_)[index], *origin_, path};
}

JsonView JsonView::object() const {
  if (!value_->is_object()) fail(value_->type_name(), "an object");
  return *this;
}

JsonView JsonView::array() const {
  if (!value_->is_array()) fail(value_->type_name(), "an array");
  return *this;
}

const std::string& JsonView::string() const {
  if (!value_->is_string()) fail(value_->type_name(), "a string");
  return value_->get_ref<const std::string&>();
}

bool JsonView::boolean() const {
  if (!value_->is_boolean()) fail(value_->type_name(), "true or false");
  return value_->get<bool>();
}

std::int32_t JsonView::id() const {
  if (!value_->is_number_unsigned())
    fail(value_->is_number() ? "another number" : value_->type_name(), "a token id");
  const auto id = value_->get<std::uint64_t>();
  if (id > static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max())) {
    fail(fmt::format("{}", id), "a token id below 2^31");
  }
  return static_cast<std::int32_t>(id);
}

bool JsonView::boolean_or(const char* key, bool otherwise) const {
  return object().raw().contains(key) ? at(key).boolean() : otherwise;
}

std::string JsonView::string_or(const char* key, const std::string& otherwise) const {
  return object().raw().contains(key) ? at(key).string() : otherwise;
}

void JsonView::account(std::initializer_list<std::string_view> fields) const {
  Accounting given(path_.empty() ? *origin_ : fmt::format("{}: {}", *origin_, path_), "field");
  for (const std::string_view field : fields) given.use(field);
  for (const auto& member : value_->items()) given.give(member.key());
  given.warn_of_rest("`tokenizers` does not read them either, as far as this program knows");
}

}  // namespace armorm::text::tokenizer
