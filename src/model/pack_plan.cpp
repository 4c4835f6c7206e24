#include "model/pack_plan.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace armorm {
namespace {

std::string_view bytes_of(std::span<const TokenId> tokens) {
  return {reinterpret_cast<const char*>(tokens.data()), tokens.size_bytes()};
}

}  // namespace

std::vector<PlannedSequence> plan_sequences(std::span<const ExtractionRequest> requests) {
  std::vector<PlannedSequence> sequences;
  std::unordered_map<std::string_view, std::size_t> index_of;
  index_of.reserve(requests.size());
  for (std::size_t r = 0; r < requests.size(); ++r) {
    const auto [slot, is_new] = index_of.try_emplace(bytes_of(requests[r].tokens), sequences.size());
    if (is_new) sequences.push_back({{}, static_cast<std::int64_t>(requests[r].tokens.size())});
    sequences[slot->second].requests.push_back(r);
  }
  std::stable_sort(sequences.begin(), sequences.end(),
                   [](const PlannedSequence& a, const PlannedSequence& b) { return a.length > b.length; });
  return sequences;
}

std::span<const PlannedSequence> first_pack(std::span<const PlannedSequence> sequences, std::int64_t budget) {
  std::size_t count = 0;
  std::int64_t tokens = 0;
  while (count < sequences.size() && (count == 0 || tokens + sequences[count].length <= budget))
    tokens += sequences[count++].length;
  return sequences.first(count);
}

}  // namespace armorm
