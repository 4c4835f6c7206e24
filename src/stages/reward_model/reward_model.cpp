#include "stages/reward_model/reward_model.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "armorm/extraction_options.h"
#include "armorm/precision.h"
#include "core/date.h"
#include "core/dtype.h"
#include "core/error.h"
#include "core/half.h"
#include "core/words.h"
#include "data/attributes.h"
#include "io/read_file.h"
#include "model/config_reader.h"
#include "model/weights_folder.h"
#include "stages/artifacts/open_encoder.h"
#include "stages/artifacts/reward_model_fields.h"
#include "text/gating_pattern.h"

namespace armorm::stages::reward_model {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxConfigBytes = std::size_t{16} << 20;
constexpr std::int64_t kMaxAttributes = 65536;
constexpr std::int64_t kMaxGateSize = 1 << 20;
constexpr std::int64_t kMaxGateLayers = 64;

struct HeadConfig {
  std::int64_t k = 0;
  double temperature = 0.0;
  std::int64_t hidden_dim = 0;
  std::int64_t n_hidden = 0;
  bool bias = false;
  std::vector<std::string> attributes;
  std::vector<text::tokenizer::TokenId> pattern;  // empty where the folder does not say
  std::string template_date = kTemplateDate;
  std::optional<double> bradley_terry_scale;
  TrainedKernels kernels;
};

std::vector<text::tokenizer::TokenId> read_pattern(const model::ConfigReader& reader,
                                                   const nlohmann::json& config) {
  constexpr const char* kField = "gating_token_pattern";
  std::vector<text::tokenizer::TokenId> pattern;
  if (!reader.has(kField)) return pattern;
  const nlohmann::json& ids = config.at(kField);
  for (const nlohmann::json& id : ids) {
    const bool good = ids.is_array() && id.is_number_integer() && id.get<std::int64_t>() >= 0 &&
                      id.get<std::int64_t>() < (1 << 30);
    if (!good) reader.fail(kField, ids.dump(), "an array of token ids");
    pattern.push_back(id.get<text::tokenizer::TokenId>());
  }
  if (pattern.empty()) reader.fail(kField, ids.dump(), "an array of token ids");
  return pattern;
}

std::string read_date(const nlohmann::json& config, const fs::path& path) {
  const nlohmann::json& date = config.at(kTemplateDateField);
  try {
    std::string text = date.is_string() ? date.get<std::string>() : date.dump();
    parse_date(kTemplateDateField, text);
    return text;
  } catch (const Error& error) {
    fail_data("{}: {}", path.string(), error.what());
  }
}

// Empty where the folder does not say.
std::string read_accumulate(const model::ConfigReader& reader) {
  std::string word = reader.string_or(kAccumulateField, "");
  if (!word.empty() && word != name_of(Fp8Accumulate::fast) && word != name_of(Fp8Accumulate::exact))
    reader.fail(kAccumulateField, word, "fast or exact");
  return word;
}

HeadConfig read_config(const fs::path& path) {
  const nlohmann::json root = model::parse_json(io::read_text_file(path, kMaxConfigBytes), path.string());
  const model::ConfigReader reader(root, path.string());
  HeadConfig c;
  c.k = reader.size_or("num_objectives", kMaxAttributes, 19);
  c.temperature = reader.positive_or("gating_temperature", 10.0);
  c.hidden_dim = reader.size_or("gating_hidden_dim", kMaxGateSize, 1024);
  c.n_hidden = reader.size_or("gating_n_hidden", kMaxGateLayers, 3, 0);
  c.bias = reader.boolean_or("regression_bias", false);
  if (reader.has("attributes")) c.attributes = reader.strings("attributes");
  if (!c.attributes.empty() && std::ssize(c.attributes) != c.k)
    reader.fail("attributes", fmt::format("{} names", c.attributes.size()),
                fmt::format("num_objectives = {}", c.k));
  c.pattern = read_pattern(reader, root);
  if (reader.has(kScaleField)) c.bradley_terry_scale = reader.positive_or(kScaleField, 1.0);
  c.kernels = {reader.string_or(kKernelsField, ""), reader.string_or(kKernelsPrecisionField, ""),
               read_accumulate(reader)};
  if (reader.has(kTemplateDateField)) c.template_date = read_date(root, path);
  return c;
}

// Of a tensor of any float type that models are stored in.
std::vector<float> to_floats(const io::TensorView& view, const std::string& name, const fs::path& folder) {
  std::vector<float> values(static_cast<std::size_t>(view.numel()));
  const auto fill = [&](auto stored, const auto& convert) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      std::memcpy(&stored, view.bytes.data() + i * sizeof stored, sizeof stored);
      values[i] = convert(stored);
    }
  };
  if (view.dtype == DType::f32)
    fill(0.0F, [](float value) { return value; });
  else if (view.dtype == DType::bf16)
    fill(BFloat16(), [](BFloat16 value) { return value.to_float(); });
  else if (view.dtype == DType::f16)
    fill(std::uint16_t{0}, half_to_float);
  else
    fail_data("{}: tensor '{}': found elements of type {}, expected F32, BF16 or F16", folder.string(), name,
              name_of(view.dtype));
  return values;
}

class HeadReader {
 public:
  HeadReader(const fs::path& folder, const model::WeightsFolder& files) : folder_(folder), files_(files) {}

  std::vector<float> floats(const std::string& name, const std::vector<std::int64_t>& shape) const {
    if (!files_.contains(name))
      fail_data(
          "{}: found no tensor '{}', expected an ArmoRM; name a folder that stage2-train --export wrote, or "
          "the "
          "released model",
          folder_.string(), name);
    const io::StoredTensor view = files_.at(name);
    if (view.shape != shape)
      fail_data(
          "{}: tensor '{}': found shape [{}], expected [{}] from config.json; the weights are of another "
          "model",
          folder_.string(), name, fmt::join(view.shape, ", "), fmt::join(shape, ", "));
    std::vector<float> values = to_floats(view, name, folder_);
    for (const float value : values)
      if (!std::isfinite(value))
        fail_data("{}: tensor '{}' holds a number that is not finite", folder_.string(), name);
    return values;
  }

 private:
  const fs::path& folder_;
  const model::WeightsFolder& files_;
};

gating::GateParameters read_gate(const HeadReader& read, const HeadConfig& c, std::int64_t hidden_size) {
  gating::GateParameters gate;
  gate.logit_scale = read.floats("gating.logit_scale", {1}).front();
  std::int64_t in = hidden_size;
  for (std::int64_t i = 0; i <= c.n_hidden; ++i) {
    const std::int64_t out = i < c.n_hidden ? c.hidden_dim : c.k;
    const std::string name = fmt::format("gating.layers.{}", i);
    gate.layers.push_back(
        {out, in, read.floats(name + ".weight", {out, in}), read.floats(name + ".bias", {out})});
    in = out;
  }
  return gate;
}

gating::RewardHead read_head(const model::ModelFolder& folder, const HeadConfig& c,
                             std::int64_t hidden_size) {
  const model::WeightsFolder files = model::WeightsFolder::open(folder);
  const HeadReader read(folder.folder, files);
  gating::RewardHead head;
  head.hidden_size = hidden_size;
  head.n_attributes = c.k;
  head.weight = read.floats("regression_layer.weight", {c.k, hidden_size});
  if (c.bias)
    head.bias = read.floats("regression_layer.bias", {c.k});
  else if (files.contains("regression_layer.bias"))
    fail_data(
        "{}: found a tensor 'regression_layer.bias', but config.json does not say \"regression_bias\": true",
        folder.folder.string());
  head.transform = read.floats("reward_transform_matrix", {c.k, c.k});
  head.gate = read_gate(read, c, hidden_size);
  head.temperature = c.temperature;
  return head;
}

std::vector<text::tokenizer::TokenId> pattern_of(const fs::path& folder, const HeadConfig& head,
                                                 const model::ModelConfig& config,
                                                 const text::tokenizer::Tokenizer& tokenizer) {
  if (!head.pattern.empty()) return head.pattern;
  if (config.architecture == model::Architecture::llama)
    return text::gating_pattern(tokenizer, ModelFamily::llama3);
  if (config.architecture == model::Architecture::gemma2)
    return text::gating_pattern(tokenizer, ModelFamily::gemma2);
  fail_data("{}: names no gating_token_pattern, which a model of type {} needs: the tokens that end a prompt",
            (folder / "config.json").string(), config.model_type);
}

}  // namespace

RewardModel RewardModel::load(const model::ModelFolder& folder, bool allow_special_in_content,
                              const std::string& template_date) {
  const model::ModelConfig config = model::ModelConfig::load(folder.base, artifacts::kRewardModelFields);
  const HeadConfig head = read_config(folder.base / "config.json");
  gating::RewardHead weights = read_head(folder, head, config.hidden_size);
  text::ConversationEncoder encoder = artifacts::open_encoder(
      folder, config, allow_special_in_content, template_date.empty() ? head.template_date : template_date);
  std::vector<text::tokenizer::TokenId> pattern = pattern_of(folder.base, head, config, encoder.tokenizer());
  encoder.protect_pattern(pattern);
  return {folder.folder,
          config,
          data::attribute_names_or_default(head.attributes, head.k),
          std::move(pattern),
          std::move(weights),
          std::move(encoder),
          head.bradley_terry_scale,
          head.kernels};
}

}  // namespace armorm::stages::reward_model
