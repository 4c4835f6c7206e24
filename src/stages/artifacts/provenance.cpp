#include "stages/artifacts/provenance.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "armorm/precision.h"
#include "core/error.h"
#include "core/version.h"
#include "core/words.h"

namespace armorm::stages::artifacts {
namespace {

using nlohmann::json;

const std::string& required(const io::Metadata& metadata, const std::string& key, const std::string& origin) {
  const auto found = metadata.find(key);
  if (found == metadata.end())
    fail_data("{}: metadata lacks '{}'; make the file again with this version", origin, key);
  return found->second;
}

std::int64_t required_count(const io::Metadata& metadata, const std::string& key, const std::string& origin) {
  const std::string& text = required(metadata, key, origin);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    fail_data("{}: metadata '{}' must be a count, found '{}'", origin, key, text);
  return value;
}

template <class T>
T required_json(const io::Metadata& metadata, const std::string& key, const std::string& origin) {
  const json value = json::parse(required(metadata, key, origin), nullptr, false);
  try {
    if (!value.is_discarded()) return value.get<T>();
  } catch (const json::exception&) {
  }
  fail_data("{}: metadata '{}' is not what this version writes; make the file again", origin, key);
}

}  // namespace

io::Metadata Provenance::to_metadata() const {
  io::Metadata metadata{
      {"format", "pt"},  // Python's safetensors library requires it to load a file as PyTorch tensors
      {"armorm_format_version", kFormatVersion},
      {"armorm_version", kVersion},
      {"kind", kind},
      {"model", model},
      {"dataset", dataset},
      {"split", split},
      {"source", source},
      {"precision", precision},
      {"batch_invariant", batch_invariant ? "true" : "false"},
      {"attributes", json(attributes).dump()},
      {"weight_column", weight_column},
      {"subset_names", json(subset_names).dump()},
      {"template_sha256", template_sha256},
      {"tokenizer_sha256", tokenizer_sha256},
      {"config_sha256", config_sha256},
      {"shard_idx", std::to_string(shard_idx)},
      {"n_shards", std::to_string(n_shards)},
      {"seed", std::to_string(seed)},
      {"rows", std::to_string(rows)},
      {"source_rows", std::to_string(source_rows)},
      {"dropped", json(dropped).dump()},
      {"counts", json(counts).dump()}};
  if (!fp8_accumulate.empty()) metadata["fp8_accumulate"] = fp8_accumulate;
  if (!cpu_kernels.empty()) metadata["cpu_kernels"] = cpu_kernels;
  if (!gpu_attention.empty()) metadata["gpu_attention"] = gpu_attention;
  if (!deviation.empty()) metadata["deviation"] = deviation;
  if (!dataset_config.empty()) metadata["dataset_config"] = dataset_config;
  if (!form.empty()) metadata["form"] = form;
  if (!sources.empty()) metadata["sources"] = json(sources).dump();
  if (!mixture.empty()) metadata["mixture"] = mixture;
  if (!recipe_sha256.empty()) metadata["recipe_sha256"] = recipe_sha256;
  if (!data_sha256.empty()) metadata["data_sha256"] = data_sha256;
  if (!data_commit.empty()) metadata["data_commit"] = data_commit;
  if (!gating_pattern.empty()) metadata["gating_token_pattern"] = json(gating_pattern).dump();
  facts.add_to(metadata);
  return metadata;
}

ArtifactInputs Provenance::inputs() const {
  ArtifactInputs inputs{{"data set", dataset},
                        {"config of the data set", dataset_config},
                        {"split", split},
                        {"source", source},
                        {"attributes", fmt::format("{}", fmt::join(attributes, ","))},
                        {"weight column", weight_column},
                        {kTemplateInput, template_sha256},
                        {kTokenizerInput, tokenizer_sha256},
                        {kConfigInput, config_sha256}};
  if (!form.empty()) inputs["form"] = form;
  if (!recipe_sha256.empty()) inputs["recipe"] = recipe_sha256;
  if (!data_sha256.empty()) inputs["data"] = data_sha256;
  if (facts.weights) inputs[kWeightsInput] = *facts.weights;
  return inputs;
}

std::string Provenance::arithmetic() const {
  return fp8_accumulate == name_of(Fp8Accumulate::fast) ? precision + " with fast accumulation" : precision;
}

bool Provenance::present_in(const io::Metadata& metadata) {
  return metadata.contains("armorm_format_version");
}

Provenance Provenance::from_metadata(const io::Metadata& metadata, const std::string& origin) {
  const std::string& version = required(metadata, "armorm_format_version", origin);
  if (version != kFormatVersion)
    fail_data(
        "{}: format version {} is not readable by this build, which reads {}; use the version that wrote it "
        "({})",
        origin, version, kFormatVersion, required(metadata, "armorm_version", origin));
  Provenance p;
  p.kind = required(metadata, "kind", origin);
  p.model = required(metadata, "model", origin);
  p.dataset = required(metadata, "dataset", origin);
  p.split = required(metadata, "split", origin);
  if (const auto config = metadata.find("dataset_config"); config != metadata.end())
    p.dataset_config = config->second;
  if (const auto found = metadata.find("form"); found != metadata.end()) p.form = found->second;
  p.source = required(metadata, "source", origin);
  if (metadata.contains("sources"))
    p.sources = required_json<std::vector<std::string>>(metadata, "sources", origin);
  if (metadata.contains("mixture")) p.mixture = metadata.at("mixture");
  if (metadata.contains("recipe_sha256")) p.recipe_sha256 = metadata.at("recipe_sha256");
  p.precision = required(metadata, "precision", origin);
  // Versions without it knew no other.
  if (p.precision == name_of(Precision::fp8))
    p.fp8_accumulate = metadata.contains("fp8_accumulate") ? metadata.at("fp8_accumulate")
                                                           : std::string(name_of(Fp8Accumulate::exact));
  p.batch_invariant = metadata.contains("batch_invariant") && metadata.at("batch_invariant") == "true";
  if (metadata.contains("cpu_kernels")) p.cpu_kernels = metadata.at("cpu_kernels");
  if (metadata.contains("gpu_attention")) p.gpu_attention = metadata.at("gpu_attention");
  if (metadata.contains("deviation")) p.deviation = metadata.at("deviation");
  p.attributes = required_json<std::vector<std::string>>(metadata, "attributes", origin);
  // Files of versions without sample weights lack it.
  if (const auto column = metadata.find("weight_column"); column != metadata.end())
    p.weight_column = column->second;
  p.subset_names = required_json<std::vector<std::string>>(metadata, "subset_names", origin);
  p.template_sha256 = required(metadata, "template_sha256", origin);
  p.tokenizer_sha256 = required(metadata, "tokenizer_sha256", origin);
  p.config_sha256 = required(metadata, "config_sha256", origin);
  if (metadata.contains("data_sha256")) p.data_sha256 = metadata.at("data_sha256");
  if (metadata.contains("data_commit")) p.data_commit = metadata.at("data_commit");
  if (metadata.contains("gating_token_pattern"))
    p.gating_pattern = required_json<std::vector<std::int32_t>>(metadata, "gating_token_pattern", origin);
  p.facts = ModelFacts::from_metadata(metadata);
  p.shard_idx = required_count(metadata, "shard_idx", origin);
  p.n_shards = required_count(metadata, "n_shards", origin);
  p.seed = required_count(metadata, "seed", origin);
  p.rows = required_count(metadata, "rows", origin);
  p.source_rows = required_count(metadata, "source_rows", origin);
  p.dropped = required_json<std::map<std::string, std::vector<std::int64_t>>>(metadata, "dropped", origin);
  p.counts = required_json<std::map<std::string, std::int64_t>>(metadata, "counts", origin);
  return p;
}

}  // namespace armorm::stages::artifacts
