#include "linear/ridge_moments.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/error.h"
#include "io/content_digests.h"
#include "io/safetensors.h"

namespace armorm::linear {
namespace {

constexpr const char* kFormat = "armorm-ridge-moments-1";
constexpr const char* kPrefix = "moments.";

std::string name_of(const MomentKey& key) { return fmt::format("{}{}.{}", kPrefix, key.group, key.pattern); }
std::string rows_name(const MomentKey& key) { return fmt::format("rows.{}.{}", key.group, key.pattern); }

std::int64_t lower_size(std::int64_t n_features, const std::string& pattern) {
  const std::int64_t n = n_features + std::count(pattern.begin(), pattern.end(), '1') + 1;
  return n * (n + 1) / 2;
}

std::int64_t number(const io::Metadata& metadata, const std::string& name, std::int64_t low,
                    std::int64_t high, const std::filesystem::path& path) {
  const auto found = metadata.find(name);
  const std::string text = found == metadata.end() ? "" : found->second;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > high) {
    fail_data("{}: metadata {} is \"{}\", expected a number from {} to {}; save these moments again",
              path.string(), name, text, low, high);
  }
  return value;
}

MomentKey key_of(const std::string& name, const RidgeMoments& sizes, const std::filesystem::path& path) {
  const std::string rest = name.starts_with(kPrefix) ? name.substr(std::string(kPrefix).size()) : "";
  int group = -1;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), group);
  const auto digits = static_cast<std::size_t>(end - rest.data());
  MomentKey key{static_cast<RowGroup>(group), digits + 1 < rest.size() ? rest.substr(digits + 1) : ""};
  const bool valid = error == std::errc() && group >= 0 && group < sizes.n_groups() && rest[digits] == '.' &&
                     static_cast<std::int64_t>(key.pattern.size()) == sizes.n_attributes() &&
                     key.pattern.find_first_not_of("01") == std::string::npos &&
                     key.pattern.find('1') != std::string::npos;
  if (!valid) {
    fail_data(
        "{}: tensor \"{}\", expected moments.<group below {}>.<{} digits 0 or 1>; save these moments again",
        path.string(), name, sizes.n_groups(), sizes.n_attributes());
  }
  return key;
}

void verify(const io::SafetensorsFile& file) {
  try {
    io::verify_content(file);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::data) fail_data("{}; save these moments again", error.what());
    throw;
  }
}

}  // namespace

RidgeMoments::RidgeMoments(std::int64_t n_features, std::int64_t n_attributes, int n_groups, bool weighted)
    : n_features_(n_features), n_attributes_(n_attributes), n_groups_(n_groups), weighted_(weighted) {}

void RidgeMoments::add(RidgeMoments next) {
  if (n_features_ == 0) {
    *this = std::move(next);
    return;
  }
  if (next.n_features_ != n_features_ || next.n_attributes_ != n_attributes_ || next.n_groups_ != n_groups_ ||
      next.weighted_ != weighted_) {
    fail_data(
        "ridge: moments of {} features, {} attributes, {} groups, weighted {} cannot be added to {}, {}, {}, "
        "{}; "
        "make all of them with the same options",
        next.n_features_, next.n_attributes_, next.n_groups_, next.weighted_, n_features_, n_attributes_,
        n_groups_, weighted_);
  }
  for (auto& [key, block] : next.blocks_) {
    const auto found = blocks_.find(key);
    if (found == blocks_.end()) {
      blocks_.emplace(key, std::move(block));
      continue;
    }
    found->second.n_rows += block.n_rows;
    std::vector<double>& sums = found->second.lower;
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += block.lower[i];
  }
}

void RidgeMoments::save(const std::filesystem::path& path, const std::map<std::string, std::string>& extra,
                        io::FileSystem& files) const {
  io::Metadata metadata(extra.begin(), extra.end());
  metadata["format"] = kFormat;
  metadata["n_features"] = std::to_string(n_features_);
  metadata["n_attributes"] = std::to_string(n_attributes_);
  metadata["n_groups"] = std::to_string(n_groups_);
  metadata["weighted"] = std::to_string(weighted_ ? 1 : 0);
  std::vector<io::TensorSpec> tensors;
  std::vector<io::TensorContent> contents;
  for (const auto& [key, block] : blocks_) {
    metadata[rows_name(key)] = std::to_string(block.n_rows);
    tensors.push_back({name_of(key), DType::f64, {static_cast<std::int64_t>(block.lower.size())}});
    contents.push_back({tensors.back(), std::as_bytes(std::span(block.lower))});
  }
  io::add_content_digests(metadata, contents);
  io::SafetensorsWriter writer(path, tensors, metadata, files);
  for (const auto& [key, block] : blocks_) writer.append(std::span<const double>(block.lower));
  writer.publish();
}

RidgeMoments RidgeMoments::load(const std::filesystem::path& path,
                                std::map<std::string, std::string>* extra) {
  constexpr std::int64_t kMaxFeatures = std::int64_t{1} << 20;
  constexpr std::int64_t kMaxRows = std::int64_t{1} << 53;
  const io::SafetensorsFile file = io::SafetensorsFile::open(path);
  const io::Metadata& metadata = file.metadata();
  const auto format = metadata.find("format");
  if (format == metadata.end() || format->second != kFormat) {
    fail_data("{}: format is \"{}\", expected \"{}\"; this is not a file of ridge moments", path.string(),
              format == metadata.end() ? "" : format->second, kFormat);
  }
  if (io::has_content_digests(metadata)) verify(file);
  RidgeMoments moments(number(metadata, "n_features", 1, kMaxFeatures, path),
                       number(metadata, "n_attributes", 1, kMaxFeatures, path),
                       static_cast<int>(number(metadata, "n_groups", 2, 255, path)),
                       number(metadata, "weighted", 0, 1, path) == 1);
  for (const std::string& name : file.names()) {
    const MomentKey key = key_of(name, moments, path);
    const auto values =
        file.at(name, DType::f64, {lower_size(moments.n_features_, key.pattern)}).as<double>();
    moments.blocks_[key] = {.n_rows = number(metadata, rows_name(key), 0, kMaxRows, path),
                            .lower = {values.begin(), values.end()}};
  }
  if (extra != nullptr) *extra = metadata;
  return moments;
}

}  // namespace armorm::linear
