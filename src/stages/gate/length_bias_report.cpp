#include "stages/gate/length_bias_report.h"

#include <fmt/core.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/log.h"
#include "report/json_values.h"
#include "report/text_table.h"

namespace armorm {
namespace {

using nlohmann::json;

std::string group_text(const LengthGroup& group) {
  if (group.n == 0) return "-";
  return fmt::format("{:.2f} % ({:.1f} - {:.1f})", 100.0 * group.accuracy, 100.0 * group.interval.low,
                     100.0 * group.interval.high);
}

std::string number_text(double value, int digits) {
  return std::isnan(value) ? "-" : fmt::format("{:+.{}f}", value, digits);
}

json group_json(const LengthGroup& group) {
  return {{"n", group.n},
          {"correct", group.correct},
          {"accuracy", json_number(group.accuracy)},
          {"low", group.interval.low},
          {"high", group.interval.high}};
}

}  // namespace

std::vector<LengthBiasEntry> length_bias_on(const std::string& set, const std::vector<Contender>& contenders,
                                            const PairRewards& pairs, std::span<const std::int64_t> rows) {
  if (pairs.lengths().empty()) {
    log::warn(
        "{}: its embeddings carry no lengths, so its length bias is not measured; run stage2-prepare again "
        "to record "
        "them",
        set);
    return {};
  }
  std::vector<std::int64_t> chosen;
  std::vector<std::int64_t> rejected;
  for (const std::int64_t row : rows) {
    chosen.push_back(pairs.lengths()[2 * static_cast<std::size_t>(row)]);
    rejected.push_back(pairs.lengths()[2 * static_cast<std::size_t>(row) + 1]);
  }
  std::vector<LengthBiasEntry> entries;
  for (const Contender& contender : contenders)
    entries.push_back({set, contender.name, measure_length_bias(contender.scores, chosen, rejected)});
  return entries;
}

std::string length_bias_table(const std::vector<LengthBiasEntry>& entries) {
  if (entries.empty()) return "";
  const LengthBias& counts = entries.front().bias;
  TextTable table({fmt::format("length bias, {}", entries.front().set),
                   fmt::format("chosen longer ({})", counts.chosen_longer.n),
                   fmt::format("chosen shorter ({})", counts.chosen_shorter.n),
                   fmt::format("equal ({})", counts.equal.n), "gap", "margin ~ length"});
  for (const LengthBiasEntry& entry : entries) {
    const LengthBias& bias = entry.bias;
    table.add({entry.name, group_text(bias.chosen_longer), group_text(bias.chosen_shorter),
               group_text(bias.equal), number_text(100.0 * bias.gap, 1),
               number_text(bias.margin_correlation, 3)});
  }
  return table.str();
}

json length_bias_json(const std::vector<LengthBiasEntry>& entries) {
  json out = json::array();
  for (const LengthBiasEntry& entry : entries)
    out.push_back({{"set", entry.set},
                   {"name", entry.name},
                   {"chosen_longer", group_json(entry.bias.chosen_longer)},
                   {"chosen_shorter", group_json(entry.bias.chosen_shorter)},
                   {"equal", group_json(entry.bias.equal)},
                   {"gap", json_number(entry.bias.gap)},
                   {"margin_correlation", json_number(entry.bias.margin_correlation)}});
  return out;
}

}  // namespace armorm
