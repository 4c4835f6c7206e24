#include "linear/moments_memory.h"

#include <algorithm>
#include <cmath>

namespace armorm::linear {

MomentsMemory::MomentsMemory(std::int64_t n_features, std::int64_t n_attributes,
                             const AccumulatorOptions& options)
    : n_features_(n_features),
      n_attributes_(static_cast<std::size_t>(n_attributes)),
      max_patterns_(static_cast<std::size_t>(options.max_patterns)),
      groups_(static_cast<std::size_t>(options.n_groups)) {
  for (Group& group : groups_) group.singles.resize(n_attributes_);
}

void MomentsMemory::add_single(Group& group, std::size_t attribute) {
  if (group.singles[attribute]) return;
  group.singles[attribute] = true;
  ++group.n_singles;
}

// As RidgeAccumulator chooses.
void MomentsMemory::add_block(MatrixView<const float> labels, std::span<const RowGroup> groups) {
  std::vector<bool> pattern(n_attributes_);
  for (std::int64_t r = 0; r < labels.rows; ++r) {
    if (groups[static_cast<std::size_t>(r)] == kSkipRow) continue;
    Group& group = groups_[groups[static_cast<std::size_t>(r)]];
    const std::span<const float> row = labels.row(r);
    std::transform(row.begin(), row.end(), pattern.begin(), [](float label) { return !std::isnan(label); });
    const auto present = std::count(pattern.begin(), pattern.end(), true);
    if (present == 0) continue;
    const auto of_group = group.patterns.size() + static_cast<std::size_t>(group.n_singles);
    if (present > 1 && (group.patterns.contains(pattern) || of_group < max_patterns_)) {
      group.patterns.insert(pattern);
      continue;
    }
    for (std::size_t k = 0; k < n_attributes_; ++k)
      if (pattern[k]) add_single(group, k);
  }
}

int max_patterns_for(std::int64_t n_features, std::int64_t n_attributes) {
  constexpr int kMost = AccumulatorOptions{}.max_patterns;
  constexpr std::int64_t kUnlimited = 100;
  if (n_attributes <= kUnlimited) return kMost;
  const double share = static_cast<double>(n_features) / static_cast<double>(n_features + n_attributes);
  return std::max(1, static_cast<int>(kMost * share * share));
}

// A triangle of the products of features, labels and 1.
std::uint64_t MomentsMemory::bytes_of(std::int64_t n_labels) const {
  const auto n = static_cast<std::uint64_t>(n_features_ + n_labels + 1);
  return n * (n + 1) / 2 * sizeof(double);
}

std::int64_t MomentsMemory::n_sums() const {
  std::int64_t n = 0;
  for (const Group& group : groups_) n += std::ssize(group.patterns) + group.n_singles;
  return n;
}

std::uint64_t MomentsMemory::bytes() const {
  std::uint64_t bytes = 0;
  for (const Group& group : groups_) {
    bytes += static_cast<std::uint64_t>(group.n_singles) * bytes_of(1);
    for (const std::vector<bool>& pattern : group.patterns)
      bytes += bytes_of(std::count(pattern.begin(), pattern.end(), true));
  }
  return bytes;
}

}  // namespace armorm::linear
