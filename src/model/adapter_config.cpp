#include "model/adapter_config.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/accounting.h"
#include "core/error.h"
#include "io/checked_json.h"
#include "io/read_file.h"
#include "model/config_reader.h"

namespace armorm::model {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxConfigBytes = std::size_t{16} << 20;
constexpr int kMaxDepth = 64;
constexpr std::int64_t kMaxRank = 1 << 16;
constexpr std::int64_t kMaxLayer = 1 << 16;
constexpr double kMaxAlpha = 1e38;
constexpr const char* kRemedy = "merge the adapter with peft's merge_and_unload and give the merged model";

// Read by parse(); together with those below, all fields of peft's LoraConfig.
constexpr std::array<std::string_view, 16> kUsed{"alpha_pattern",
                                                 "base_model_name_or_path",
                                                 "bias",
                                                 "exclude_modules",
                                                 "init_lora_weights",
                                                 "layers_pattern",
                                                 "layers_to_transform",
                                                 "lora_alpha",
                                                 "peft_type",
                                                 "r",
                                                 "rank_pattern",
                                                 "revision",
                                                 "target_modules",
                                                 "task_type",
                                                 "use_rslora",
                                                 "modules_to_save"};

// They describe training, its start, the file, or layers of kinds that no supported model has. peft sets
// fan_in_fan_out to false for linear layers, the only kind here.
constexpr std::array<std::string_view, 13> kHarmless{
    "auto_mapping", "corda_config",      "eva_config",     "fan_in_fan_out", "inference_mode",
    "loftq_config", "lora_dropout",      "lora_ga_config", "megatron_core",  "merge_weights",
    "peft_version", "qalora_group_size", "runtime_config"};

// They make another model of the same tensors, where they are set.
constexpr std::array<std::string_view, 15> kOtherKinds{
    "alora_invocation_tokens", "arrow_config", "enable_lora",     "ensure_weight_tying", "kasa_config",
    "layer_replication",       "lora_bias",    "megatron_config", "monteclora_config",   "target_parameters",
    "trainable_token_indices", "use_bdlora",   "use_dora",        "use_qalora",          "velora_config"};

bool is_set(const Json& value) {
  return !value.is_null() && value != false &&
         !((value.is_structured() || value.is_string()) && value.empty());
}

void account(const Json& root, const ConfigReader& reader, const std::string& origin) {
  Accounting fields(origin, "field");
  for (const auto& [name, value] : root.items())
    if (is_set(value)) fields.give(name);
  for (const std::string_view name : kUsed) fields.use(name);
  fields.ignore(kHarmless);
  for (const std::string_view name : kOtherKinds) {
    fields.ignore(name);
    const auto found = root.find(name);
    if (found != root.end() && is_set(*found))
      reader.fail(std::string(name).c_str(), fmt::format("none; it is not supported here: {}", kRemedy));
  }
  fields.refuse_rest(fmt::format("it may change the weights: {}", kRemedy));
}

bool ends_with_name(std::string_view module, std::string_view name) {
  if (!module.ends_with(name)) return false;
  return module.size() == name.size() || module[module.size() - name.size() - 1] == '.';
}

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
}

std::vector<std::string_view> components(std::string_view module) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0;;) {
    const std::size_t end = std::min(module.find('.', begin), module.size());
    parts.push_back(module.substr(begin, end - begin));
    if (end == module.size()) return parts;
    begin = end + 1;
  }
}

std::optional<std::int64_t> layer_number(std::string_view part) {
  constexpr std::size_t kMaxDigits = 9;
  if (part.empty() || part.size() > kMaxDigits) return std::nullopt;
  std::int64_t number = 0;
  for (const char c : part) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  return number;
}

}  // namespace

class AdapterConfigReader {
 public:
  AdapterConfigReader(const Json& root, std::string_view text, const std::string& origin)
      : root_(root),
        reader_(root, origin),
        origin_(origin),
        ordered_(io::parse_ordered_json(text, origin, kMaxDepth)) {}

  AdapterConfig read() {
    check_kind();
    account(root_, reader_, origin_);
    AdapterConfig c;
    c.base_model_ = reader_.string_or("base_model_name_or_path", "");
    c.revision_ = reader_.string_or("revision", "");
    c.classifies_ = reader_.string_or("task_type", "") == "SEQ_CLS";
    c.targets_ = names("target_modules");
    c.excluded_ = names("exclude_modules");
    read_saved(c);
    read_layers(c);
    read_numbers(c);
    check_bias();
    check_start();
    for (const std::string_view field : kUsed)
      if (root_.contains(field) && field != "base_model_name_or_path" && field != "revision")
        text_[std::string(field)] = ordered_.at(std::string(field));
    c.text_ = text_.dump();
    return c;
  }

 private:
  // Before the other fields, which are of another kind's.
  void check_kind() const {
    const std::string kind = reader_.required_string("peft_type");
    if (kind != "LORA") reader_.fail("peft_type", fmt::format("'LORA'; for another kind, {}", kRemedy));
  }

  // These replace the base model's weights by others when training starts, which the adapter does not hold.
  void check_start() const {
    const auto found = root_.find("init_lora_weights");
    if (found == root_.end() || !found->is_string()) return;
    const std::string how = found->get<std::string>();
    if (how != "gaussian" && how != "orthogonal" && how != "eva")
      reader_.fail(
          "init_lora_weights",
          fmt::format("true, false, 'gaussian', 'orthogonal' or 'eva', which leave the base model as it is; "
                      "{}",
                      kRemedy));
  }

  AdapterConfig::Names names(const char* field) const {
    AdapterConfig::Names out;
    if (!reader_.has(field)) return out;
    const Json& value = root_.at(field);
    if (!value.is_string()) {
      out.list = reader_.strings(field);
      return out;
    }
    std::string lower = value.get<std::string>();
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    if (lower == "all-linear" && std::string_view(field) == "target_modules")
      out.all_linear = true;
    else if (!lower.empty())
      out.pattern.emplace(value.get<std::string>(), where(field));
    return out;
  }

  void read_saved(AdapterConfig& c) const {
    std::vector<std::string> saved;
    if (reader_.has("modules_to_save")) saved = reader_.strings("modules_to_save");
    if (c.classifies_) saved.insert(saved.end(), {"classifier", "score"});
    for (const std::string& name : saved) {
      if (!std::all_of(name.begin(), name.end(), is_name_character))
        reader_.fail("modules_to_save", fmt::format("'{}'", name), "names of modules");
      c.saved_.emplace_back("(?:.*\\.)?" + name + "(?:\\..*)?", where("modules_to_save"));
    }
  }

  void read_layers(AdapterConfig& c) const {
    if (reader_.has("layers_pattern")) {
      if (root_.at("layers_pattern").is_string())
        c.layers_patterns_ = {reader_.required_string("layers_pattern")};
      else
        c.layers_patterns_ = reader_.strings("layers_pattern");
      std::erase(c.layers_patterns_, "");
    }
    for (const std::string& name : c.layers_patterns_)
      if (!std::all_of(name.begin(), name.end(), is_name_character) || name.find('.') != std::string::npos)
        reader_.fail("layers_pattern", fmt::format("'{}'", name), "the name of a list of layers");
    if (!reader_.has("layers_to_transform")) return;
    const Json& value = root_.at("layers_to_transform");
    std::vector<std::int64_t> layers;
    for (const Json& layer : value.is_array() ? value : Json::array({value})) {
      const bool good = layer.is_number_integer() && layer >= 0 && layer < kMaxLayer;
      if (!good) reader_.fail("layers_to_transform", "numbers of layers");
      layers.push_back(layer.get<std::int64_t>());
    }
    if (!layers.empty()) c.layers_ = layers;
  }

  void read_numbers(AdapterConfig& c) const {
    c.rank_ = reader_.size_or("r", kMaxRank, 8);
    c.alpha_ = reader_.number_or("lora_alpha", 8);
    if (std::abs(c.alpha_) > kMaxAlpha) reader_.fail("lora_alpha", "a number that float32 can hold");
    c.rslora_ = reader_.boolean_or("use_rslora", false);
    for (const auto& [pattern, value] : patterns("rank_pattern")) {
      if (!value.is_number_integer() || value < 1 || value > kMaxRank)
        reader_.fail("rank_pattern", value.dump(), "ranks above 0");
      c.ranks_.emplace_back(NamePattern("(?:.*\\.)?(?:" + pattern + ")", where("rank_pattern")),
                            value.get<std::int64_t>());
    }
    for (const auto& [pattern, value] : patterns("alpha_pattern")) {
      if (!value.is_number() || std::abs(value.get<double>()) > kMaxAlpha)
        reader_.fail("alpha_pattern", value.dump(), "numbers that float32 can hold");
      c.alphas_.emplace_back(NamePattern("(?:.*\\.)?(?:" + pattern + ")", where("alpha_pattern")),
                             value.get<double>());
    }
  }

  // In the order of the file: the first that matches counts.
  std::vector<std::pair<std::string, nlohmann::ordered_json>> patterns(const char* field) const {
    std::vector<std::pair<std::string, nlohmann::ordered_json>> out;
    if (!reader_.has(field)) return out;
    if (!root_.at(field).is_object()) reader_.fail(field, "an object");
    for (const auto& [name, value] : ordered_.at(field).items()) out.emplace_back(name, value);
    return out;
  }

  // Biases that were trained are tensors of the adapter: there is nothing else to obey.
  void check_bias() const {
    const std::string bias = reader_.string_or("bias", "none");
    if (bias != "none" && bias != "all" && bias != "lora_only")
      reader_.fail("bias", "'none', 'all' or 'lora_only'");
  }

  std::string where(const char* field) const { return origin_ + ": field '" + field + "'"; }

  const Json& root_;
  ConfigReader reader_;
  const std::string& origin_;
  nlohmann::ordered_json ordered_;
  nlohmann::ordered_json text_;  // the order of patterns counts
};

AdapterConfig AdapterConfig::parse(std::string_view json, const std::string& origin) {
  const Json root = parse_json(json, origin);
  return AdapterConfigReader(root, json, origin).read();
}

AdapterConfig AdapterConfig::load(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kAdapterConfig;
  return parse(io::read_text_file(path, kMaxConfigBytes), path.string());
}

bool AdapterConfig::Names::contains(const std::string& module) const {
  if (pattern) return pattern->matches(module);
  return std::any_of(list.begin(), list.end(),
                     [&](const std::string& name) { return ends_with_name(module, name); });
}

bool AdapterConfig::targets(const std::string& module) const {
  if (excluded_.contains(module)) return false;
  for (const NamePattern& saved : saved_)
    if (saved.matches(module)) return false;
  if (targets_.all_linear)
    return !ends_with_name(module, "lm_head") && !ends_with_name(module, "output") &&
           !ends_with_name(module, "embed_tokens") && !ends_with_name(module, "tok_embeddings") &&
           !module.ends_with("norm");
  return targets_.contains(module) && (targets_.pattern || !layers_ || in_layers(module));
}

// peft takes the first number, which without a layers_pattern stands after at least two names.
bool AdapterConfig::in_layers(const std::string& module) const {
  const std::vector<std::string_view> parts = components(module);
  for (std::size_t i = 1; i + 1 < parts.size(); ++i) {
    const std::optional<std::int64_t> number = layer_number(parts[i]);
    const bool named = layers_patterns_.empty() ? i >= 2
                                                : std::find(layers_patterns_.begin(), layers_patterns_.end(),
                                                            parts[i - 1]) != layers_patterns_.end();
    if (number && named) return std::find(layers_->begin(), layers_->end(), *number) != layers_->end();
  }
  return false;
}

std::int64_t AdapterConfig::rank(const std::string& module) const {
  for (const auto& [pattern, rank] : ranks_)
    if (pattern.matches(module)) return rank;
  return rank_;
}

double AdapterConfig::scaling(const std::string& module) const {
  const auto matching = std::find_if(alphas_.begin(), alphas_.end(),
                                     [&](const auto& entry) { return entry.first.matches(module); });
  const double alpha = matching == alphas_.end() ? alpha_ : matching->second;
  const auto r = static_cast<double>(rank(module));
  return alpha / (rslora_ ? std::sqrt(r) : r);
}

}  // namespace armorm::model
