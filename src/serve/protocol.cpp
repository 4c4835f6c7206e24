#include "serve/protocol.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "core/strings.h"
#include "serve/http_head.h"

namespace armorm::serve {
namespace {

constexpr std::size_t kMostIgnored = 20;  // names, of so many bytes
constexpr std::size_t kMostShown = 40;

// In a list that commas separate.
std::string list_entry(const std::string& name) {
  std::string text = shown(name, kMostShown);
  for (std::size_t at = text.find(','); at != std::string::npos; at = text.find(',', at))
    text.replace(at, 1, "\\x2c");
  return text;
}

}  // namespace

HttpAnswer with_fingerprint(HttpAnswer answer, const ServedModel& model) {
  answer.headers.emplace_back(kFingerprintHeader, model.fingerprint);
  return answer;
}

HttpAnswer with_ignored(HttpAnswer answer, const ScoreCall& call) {
  std::set<std::string> names(call.ignored.begin(), call.ignored.end());
  for (const ScoreInput& row : call.rows) names.insert(row.unused.begin(), row.unused.end());
  std::vector<std::string> entries;
  for (const std::string& name : names)
    if (entries.size() < kMostIgnored) entries.push_back(list_entry(name));
  if (names.size() > entries.size())
    entries.push_back(fmt::format("and {} more", names.size() - entries.size()));
  const std::string text = fmt::format("{}", fmt::join(entries, ", "));
  if (!text.empty()) answer.headers.emplace_back("X-Ignored-Fields", text);
  return answer;
}

HttpAnswer with_warnings(HttpAnswer answer, const std::vector<ScoreOutput>& outputs) {
  std::vector<std::string> parts;
  const auto count = [&](const char* what, bool ScoreOutput::*is_so) {
    const auto rows = std::ranges::count_if(outputs, is_so);
    if (rows > 0) parts.push_back(fmt::format("{}: {}", what, rows));
  };
  count("rows that do not end with an assistant's turn", &ScoreOutput::no_final_answer);
  count("rows with special-token strings in their content", &ScoreOutput::special_in_content);
  count("texts that do not end as the chat template ends an answer", &ScoreOutput::open_answer);
  if (!parts.empty())
    answer.headers.emplace_back("X-Row-Warnings", fmt::format("{}", fmt::join(parts, "; ")));
  return answer;
}

std::optional<RequestError> unreadable_body(const HttpHead& head) {
  const std::string_view encoding = head.header("Content-Encoding");
  if (!encoding.empty() && !equal_ignoring_case(encoding, "identity"))
    return RequestError{
        415, fmt::format("Content-Encoding: found '{}'; send the body uncompressed", shown(encoding))};
  const std::string charset = parse_media_type(head.header("Content-Type")).charset;
  constexpr std::array<std::string_view, 4> kReadable{"", "utf-8", "utf8", "us-ascii"};
  if (std::ranges::find(kReadable, charset) == kReadable.end())
    return RequestError{415,
                        fmt::format("Content-Type: found the charset '{}', expected utf-8", shown(charset))};
  return std::nullopt;
}

std::optional<RequestError> other_fingerprint(const HttpHead& head, const ServedModel& model) {
  const auto given = std::ranges::count_if(
      head.headers, [](const auto& header) { return equal_ignoring_case(header.first, kFingerprintHeader); });
  if (given > 1)
    return RequestError{400, fmt::format("{}: is given {} times, expected once", kFingerprintHeader, given)};
  const std::string_view wanted = head.header(kFingerprintHeader);
  if (wanted.empty() || wanted == model.fingerprint) return std::nullopt;
  return RequestError{409, fmt::format("{}: found {}, but the model served here has {}", kFingerprintHeader,
                                       shown(wanted), model.fingerprint)};
}

HttpAnswer models_answer(const ServedModel& model) {
  const nlohmann::ordered_json entry{{"id", model.name},
                                     {"object", "model"},
                                     {"created", model.created},
                                     {"owned_by", "armorm"},
                                     {"max_model_len", model.max_length},
                                     {"fingerprint", model.fingerprint},
                                     {"attributes", model.attributes}};
  const nlohmann::ordered_json body{{"object", "list"}, {"data", nlohmann::ordered_json::array({entry})}};
  return with_fingerprint({200, "application/json", body.dump() + "\n"}, model);
}

}  // namespace armorm::serve
