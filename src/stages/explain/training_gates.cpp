#include "stages/explain/training_gates.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/error.h"
#include "core/hash.h"
#include "core/version.h"
#include "io/content_digests.h"
#include "io/safetensors.h"

namespace armorm::stages::explain {
namespace {

constexpr const char* kKind = "training_gates";
constexpr const char* kDigestField = "gate_sha256";

std::string field(const io::SafetensorsFile& file, const std::string& name) {
  const auto found = file.metadata().find(name);
  return found == file.metadata().end() ? "" : found->second;
}

void check_made_for(const io::SafetensorsFile& file, const std::string& gate_sha256,
                    const std::vector<std::string>& attributes) {
  const std::string path = file.path().string();
  if (field(file, "kind") != kKind || field(file, "armorm_format_version") != "1")
    fail_data(
        "{}: found kind '{}' and version '{}', expected the {} that stage2-train --training_gates writes",
        path, field(file, "kind"), field(file, "armorm_format_version"), kKind);
  io::verify_content(file);
  if (field(file, "attributes") != nlohmann::json(attributes).dump())
    fail_data("{}: its attributes are not those of the model; name the file of the model's own training",
              path);
  if (field(file, kDigestField) != gate_sha256)
    fail_data(
        "{}: holds the weights of another gate than the model's; name the file of the model's own training, "
        "or "
        "write it again with stage2-train --training_gates",
        path);
}

std::vector<double> shares_of(auto weights) {
  std::vector<double> shares(weights.begin(), weights.end());
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (double& share : shares) share /= sum;
  return shares;
}

double moved_between(std::span<const double> a, std::span<const double> b) {
  double sum = 0.0;
  for (std::size_t k = 0; k < a.size(); ++k) sum += std::abs(a[k] - b[k]);
  return sum / 2;
}

}  // namespace

void TrainingGates::save(const std::filesystem::path& path, io::FileSystem& files) const {
  const std::int64_t n = std::ssize(row_ids);
  const std::vector<io::TensorSpec> specs{{"gate", DType::f32, {n, std::ssize(attributes)}},
                                          {"row_ids", DType::i64, {n}}};
  const io::Metadata metadata{{"armorm_format_version", "1"},
                              {"armorm_version", kVersion},
                              {"kind", kKind},
                              {"attributes", nlohmann::json(attributes).dump()},
                              {kDigestField, gate_sha256}};
  io::SafetensorsWriter writer(path, specs, io::with_reserved_digests(metadata, specs), files);
  writer.append(std::span<const float>(gate));
  writer.append(std::span<const std::int64_t>(row_ids));
  writer.publish();
}

TrainingGates TrainingGates::load(const std::filesystem::path& path, const std::string& gate_sha256,
                                  const std::vector<std::string>& attributes) {
  const io::SafetensorsFile file = io::SafetensorsFile::open(path);
  check_made_for(file, gate_sha256, attributes);
  const io::TensorView gate = file.at("gate", DType::f32, {-1, std::ssize(attributes)});
  const auto weights = gate.as<float>();
  const auto rows = file.at("row_ids", DType::i64, {gate.shape[0]}).as<std::int64_t>();
  return {attributes, gate_sha256, {weights.begin(), weights.end()}, {rows.begin(), rows.end()}};
}

std::vector<report::NearPrompt> TrainingGates::nearest(std::span<const double> weights,
                                                       std::size_t count) const {
  const std::vector<double> wanted = shares_of(weights);
  const std::size_t k = attributes.size();
  std::vector<report::NearPrompt> found;
  for (std::size_t i = 0; i < row_ids.size(); ++i) {
    std::vector<double> shares = shares_of(std::span(gate).subspan(i * k, k));
    const double moved = moved_between(wanted, shares);
    if (found.size() == count && moved >= found.back().moved) continue;
    if (std::ranges::any_of(found, [&](const report::NearPrompt& near) { return near.shares == shares; }))
      continue;
    const auto place = std::ranges::upper_bound(found, moved, {}, &report::NearPrompt::moved);
    found.insert(place, {row_ids[i], moved, std::move(shares)});
    if (found.size() > count) found.pop_back();
  }
  return found;
}

std::string gate_digest(const gating::GateParameters& gate, double temperature) {
  Sha256 digest;
  digest.update(fmt::format("temperature {}\n", temperature));
  for (const gating::GateLayer& layer : gate.layers) {
    digest.update(fmt::format("layer {} {}\n", layer.out, layer.in));
    for (const std::vector<float>* values : {&layer.weight, &layer.bias})
      digest.update(std::as_bytes(std::span(*values)));
  }
  return digest.hex();
}

}  // namespace armorm::stages::explain
