#include "serve/protocol.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/strings.h"

namespace armorm::serve {
namespace {

constexpr std::size_t kMostIgnored = 20;  // names, of so many bytes
constexpr std::size_t kMostShown = 40;

}  // namespace

HttpAnswer with_fingerprint(HttpAnswer answer, const ServedModel& model) {
  answer.headers.emplace_back(kFingerprintHeader, model.fingerprint);
  return answer;
}

HttpAnswer with_ignored(HttpAnswer answer, const ScoreCall& call) {
  std::set<std::string> names(call.ignored.begin(), call.ignored.end());
  for (const ScoreInput& row : call.rows)
    for (const std::string& key : row.unused)
      if (names.size() < kMostIgnored) names.insert(key);
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + shown(name, kMostShown);
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

std::optional<RequestError> other_fingerprint(const HttpHead& head, const ServedModel& model) {
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
