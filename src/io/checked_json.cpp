#include "io/checked_json.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/error.h"

namespace armorm::io {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

constexpr std::size_t kMaxShownBytes = 60;

std::string shown_end(std::string_view text) {
  if (text.size() > kMaxShownBytes) text.remove_prefix(text.size() - kMaxShownBytes);
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

// `place`: " in ..." or empty. Shows what precedes the error.
[[noreturn]] void fail_syntax(std::string_view found, std::string_view text, const std::string& where,
                              std::size_t end, const std::string& place = "") {
  end = std::min(end, text.size());
  fail_data("{}: not valid JSON: {}{} after {} bytes, at the end of {}; correct it, or fetch the file again",
            where, found, place, end, shown_end(text.substr(0, end)));
}

// Where the members of one open object are, by key; nlohmann::json finds its own members.
template <class Document>
class Members {
 public:
  // The value of `key`, and whether it is new.
  std::pair<Document*, bool> add(Document& object, std::string&& key) {
    auto& members = object.template get_ref<typename Document::object_t&>();
    if constexpr (std::is_same_v<Document, Json>) {
      const auto [member, is_new] = members.emplace(std::move(key), nullptr);
      return {&member->second, is_new};
    } else {
      const auto [position, is_new] = positions_.try_emplace(key, members.size());
      if (is_new) members.emplace_back(std::move(key), nullptr);
      return {&members.begin()[static_cast<std::ptrdiff_t>(position->second)].second, is_new};
    }
  }

 private:
  std::map<std::string, std::size_t> positions_;
};

// Builds the document from the events of nlohmann's parser, in time linear in the text. Its own parser with
// a callback searches all members of an object whenever one of them ends, and ordered_json at each key.
template <class Document>
class Builder {
 public:
  Builder(std::string_view text, const std::string& where, int max_depth, bool unique_keys)
      : text_(text),
        where_(where),
        max_depth_(static_cast<std::size_t>(max_depth)),
        unique_keys_(unique_keys) {}

  Document take() { return std::move(root_); }

  // Events of nlohmann's SAX interface, which all mean: continue.
  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(typename Document::number_integer_t value) { return put(value); }
  bool number_unsigned(typename Document::number_unsigned_t value) { return put(value); }
  bool number_float(typename Document::number_float_t value, const std::string&) { return put(value); }
  bool string(std::string& value) { return put(std::move(value)); }
  bool binary(typename Document::binary_t& value) { return put(std::move(value)); }
  bool start_object(std::size_t) { return open(Document::object()); }
  bool start_array(std::size_t) { return open(Document::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    const auto [value, is_new] = open_.back().members.add(*open_.back().value, std::string(name));
    if (!is_new && unique_keys_) fail_data("{}: the key \"{}\" appears twice in one object", where_, name);
    member_ = value;
    open_.back().key = name;
    return true;
  }

  bool parse_error(std::size_t end, const std::string& token, const nlohmann::detail::exception& error) {
    if (dynamic_cast<const Json::out_of_range*>(&error) != nullptr)
      fail_data("{}: not valid JSON: the number {} is beyond double precision", where_, shown_end(token));
    fail_syntax("unexpected text (NaN and Infinity are not JSON)", text_, where_, end, place());
  }

 private:
  // A container does not grow while a container in it is open, so the address stays valid.
  struct Open {
    Document* value;
    Members<Document> members;
    std::string key;  // the last one
  };

  // The fields that enclose what is read now.
  std::string place() const {
    std::string text;
    for (const Open& container : open_)
      if (container.value->is_object()) text += (text.empty() ? " in " : " . ") + shown_end(container.key);
    return text;
  }

  Document& next() {
    if (open_.empty()) return root_;
    Document& parent = *open_.back().value;
    if (parent.is_object()) return *member_;
    return parent.template get_ref<typename Document::array_t&>().emplace_back(nullptr);
  }

  template <class Value>
  bool put(Value&& value) {
    next() = std::forward<Value>(value);
    return true;
  }

  bool open(Document&& container) {
    if (open_.size() >= max_depth_) fail_data("{}: JSON nested deeper than {} levels", where_, max_depth_);
    Document& value = next();
    value = std::move(container);
    open_.push_back({&value, {}, {}});
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view text_;
  const std::string& where_;
  std::size_t max_depth_;
  bool unique_keys_;
  Document root_;
  std::vector<Open> open_;
  Document* member_ = nullptr;  // value of the last key
};

template <class Document>
Document parse(std::string_view text, const std::string& where, int max_depth, bool unique_keys) {
  // nlohmann takes one for the end of the text.
  if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos)
    fail_syntax("a zero byte", text, where, zero);
  Builder<Document> builder(text, where, max_depth, unique_keys);
  Document::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

}  // namespace

nlohmann::json parse_checked_json(std::string_view text, const std::string& where, int max_depth) {
  return parse<Json>(text, where, max_depth, true);
}

nlohmann::json parse_json(std::string_view text, const std::string& where, int max_depth) {
  return parse<Json>(text, where, max_depth, false);
}

nlohmann::ordered_json parse_ordered_json(std::string_view text, const std::string& where, int max_depth) {
  return parse<OrderedJson>(text, where, max_depth, false);
}

}  // namespace armorm::io
