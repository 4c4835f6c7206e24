#include "stages/reward_model/exported_decoder.h"

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "core/error.h"

namespace armorm::stages::reward_model {
namespace {

using model::TensorNames;
using nlohmann::ordered_json;

constexpr const char* kLayers = "model.layers.";

// Below "model.", or below the layer.
struct ModuleName {
  std::string place;   // "model." or "model.layers.3."
  std::string module;  // "attention.wo"
  std::string kind;    // "weight" or "bias"
};

ModuleName split_name(const std::string& name) {
  std::size_t begin = std::string_view("model.").size();
  if (name.starts_with(kLayers)) begin = name.find('.', std::string_view(kLayers).size()) + 1;
  const std::size_t end = name.rfind('.');
  if (begin == 0 || end == std::string::npos || end < begin)
    fail_internal("'{}' is not a tensor of a decoder", name);
  return {name.substr(0, begin), name.substr(begin, end - begin), name.substr(end + 1)};
}

std::string_view renamed(const TensorNames& from, std::string_view module) {
  const TensorNames to;
  const std::pair<std::string_view, std::string_view> names[] = {
      {from.embedding, to.embedding},
      {from.final_norm, to.final_norm},
      {from.input_norm, to.input_norm},
      {from.post_attention_norm, to.post_attention_norm},
      {from.o, to.o},
      {from.gate, to.gate},
      {from.up, to.up},
      {from.down, to.down}};
  for (const auto& [stored, exported] : names)
    if (module == stored) return exported;
  return module;
}

// The rows of one kind of head in a tensor of groups, each of which has its queries, a key and a value.
std::vector<RowRange> rows_in_groups(const model::ModelConfig& c, std::int64_t first_head,
                                     std::int64_t heads) {
  const std::int64_t in_group = c.num_attention_heads / c.num_key_value_heads + 2;
  std::vector<RowRange> rows;
  for (std::int64_t group = 0; group < c.num_key_value_heads; ++group)
    rows.push_back({(group * in_group + first_head) * c.head_dim, heads * c.head_dim});
  return rows;
}

}  // namespace

bool keeps_tensors(const model::ModelConfig& config) {
  return config.architecture != model::Architecture::internlm2;
}

std::vector<ExportedTensor> exported_tensors(const model::ModelConfig& config, const std::string& name,
                                             std::int64_t rows) {
  if (keeps_tensors(config)) return {{name, {{0, rows}}}};
  const TensorNames& names = config.facts().names;
  const auto [place, module, kind] = split_name(name);
  const auto exported = [place = place, kind = kind](std::string_view to) {
    return place + std::string(to) + "." + kind;
  };
  if (module != names.qkv) return {{exported(renamed(names, module)), {{0, rows}}}};
  const std::int64_t queries = config.num_attention_heads / config.num_key_value_heads;
  const TensorNames to;
  return {{exported(to.q), rows_in_groups(config, 0, queries)},
          {exported(to.k), rows_in_groups(config, queries, 1)},
          {exported(to.v), rows_in_groups(config, queries + 1, 1)}};
}

ordered_json exported_decoder_config(const model::ModelConfig& config, ordered_json file) {
  const model::ArchitectureFacts& facts = config.facts();
  if (!facts.nested_type.empty() && file.contains("text_config")) {
    ordered_json decoder = file.at("text_config");
    for (const char* field : {"bos_token_id", "eos_token_id", "pad_token_id", "dtype", "torch_dtype"})
      if (file.contains(field) && !decoder.contains(field)) decoder[field] = file.at(field);
    decoder["model_type"] = facts.model_type;
    return decoder;
  }
  if (config.architecture != model::Architecture::internlm2) return file;
  file["model_type"] = "llama";
  file["attention_bias"] = config.qkv_bias;
  for (const char* field : {"bias", "attn_implementation", "reward_token_id"}) file.erase(field);
  return file;
}

}  // namespace armorm::stages::reward_model
