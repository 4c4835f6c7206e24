// adapter_config.json of a LoRA adapter, as peft 0.21 writes it: each of its fields is obeyed, is known not
// to matter for a trained adapter, or is refused.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/name_pattern.h"

namespace armorm::model {

inline constexpr const char* kAdapterConfig = "adapter_config.json";

class AdapterConfig {
 public:
  // `origin` names the file in messages.
  static AdapterConfig parse(std::string_view json, const std::string& origin);
  static AdapterConfig load(const std::filesystem::path& folder);

  const std::string& base_model() const { return base_model_; }  // base_model_name_or_path; empty = none
  const std::string& base_revision() const { return revision_; }

  // A module has a low-rank update if target_modules and the fields that narrow it say so. `module` is the
  // name in the model that was trained: "model.layers.0.self_attn.q_proj".
  bool targets(const std::string& module) const;
  std::int64_t rank(const std::string& module) const;
  double scaling(const std::string& module) const;  // alpha / r, or alpha / sqrt(r)

  const std::string& text() const { return text_; }  // the fields that decide the weights

 private:
  struct Names {  // a list, or a pattern
    std::vector<std::string> list;
    std::optional<NamePattern> pattern;
    bool all_linear = false;
    bool contains(const std::string& module) const;
  };
  template <class Value>
  using Patterns = std::vector<std::pair<NamePattern, Value>>;
  friend class AdapterConfigReader;

  bool in_layers(const std::string& module) const;

  std::string base_model_, revision_, text_;
  Names targets_, excluded_;
  std::vector<NamePattern> saved_;  // modules_to_save
  std::optional<std::vector<std::int64_t>> layers_;
  std::vector<std::string> layers_patterns_;
  std::int64_t rank_ = 8;
  double alpha_ = 8;
  Patterns<std::int64_t> ranks_;
  Patterns<double> alphas_;
  bool rslora_ = false;
  bool classifies_ = false;  // task_type SEQ_CLS
};

}  // namespace armorm::model
