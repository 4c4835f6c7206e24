// A LoRA adapter (https://arxiv.org/abs/2106.09685) in peft's format: adapter_config.json and
// adapter_model.safetensors or .bin.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/adapter_config.h"
#include "model/weight_files.h"

namespace armorm::model {

class Adapter {
 public:
  // data error that names a tensor which is of no update of the configuration, or an update without its other
  // half.
  static Adapter open(const std::filesystem::path& folder);

  // Tensors that the adapter brings along, such as a head. Canonical names (weight_names.h), as below.
  std::vector<std::string> own_tensors() const;
  bool changes(const std::string& tensor) const;
  // The tensor of the merged model: W + scaling * B A in float32, rounded once to the type of W (of the base
  // model, if it has the tensor). data error for shapes that do not fit.
  io::StoredTensor merged(const std::string& tensor, const std::optional<io::StoredTensor>& base) const;

  // data error for an update of a tensor that the base model does not have.
  void check_base(const std::function<bool(const std::string&)>& has) const;
  // One warning names modules of the base model that the configuration targets and the adapter does not
  // change.
  void warn_of_unchanged(const std::vector<std::string>& base_tensors) const;

  const AdapterConfig& config() const { return config_; }
  const WeightFiles& files() const { return files_; }

 private:
  struct Update {
    std::string module;  // as the adapter names it
    std::string a, b;    // stored names: [r, in] and [out, r]; of embeddings [r, rows] and [columns, r]
    bool embedding = false;
  };
  Adapter(std::filesystem::path folder, AdapterConfig config, WeightFiles files);
  void place(const std::string& stored);
  void place_half(const std::string& stored, const std::string& module, bool is_a, bool embedding);
  void check_updates() const;
  [[noreturn]] void fail(const std::string& stored, const std::string& what) const;
  io::StoredTensor updated(const Update& update, const io::StoredTensor& weight) const;

  std::filesystem::path folder_;
  AdapterConfig config_;
  WeightFiles files_;
  std::map<std::string, Update> updates_;        // by tensor
  std::map<std::string, std::string> replaced_;  // tensor -> stored name
};

}  // namespace armorm::model
