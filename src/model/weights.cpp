#include "model/weights.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cstring>
#include <memory>

#include "core/accounting.h"
#include "core/error.h"
#include "core/phase.h"
#include "core/stop_point.h"
#include "io/mapped_pages.h"
#include "model/scalar_type.h"
#include "model/staged_copy.h"
#include "model/weight_names.h"

namespace armorm::model {
namespace {

using Shape = std::vector<std::int64_t>;

const std::string kPrefix = "model.";

at::ScalarType known_type(DType dtype, const std::string& name) {
  if (const auto type = scalar_type(dtype)) return *type;
  fail_data("tensor '{}': found elements of type {}, expected BF16, F16 or F32; use the unquantised model",
            name, name_of(dtype));
}

class Loader {
 public:
  Loader(const WeightsFolder& files, at::ScalarType dtype, at::Device device, WeightFormat format)
      : files_(files),
        dtype_(dtype),
        device_(device),
        format_(format),
        account_(files.folder().string(), "tensor") {
    if (!device.is_cpu()) staged_ = std::make_unique<StagedCopy>(device);
  }

  // From now on, false: matrices are checked, and not loaded.
  void set_reads(bool reads) { reads_ = reads; }

  Linear linear(const at::Tensor& weight, const at::Tensor& bias, bool gated) const {
    return reads_ ? make_linear(weight, bias, format_, gated) : Linear{};
  }

  // Reads only what is asked for, if the table is in a mapped file; null otherwise.
  std::shared_ptr<const EmbeddingRows> rows_of(const std::string& name, const Shape& shape) const {
    check(name, shape);
    const std::span<const std::byte> mapped = files_.mapped_bytes(kPrefix + name);
    if (mapped.empty() || !device_.is_cpu()) return nullptr;
    const at::ScalarType type = known_type(files_.at(kPrefix + name).dtype, name);
    return std::make_shared<const EmbeddingRows>(mapped, shape[0], type, dtype_);
  }

  at::Tensor matrix(const std::string& name, const Shape& shape) const {
    if (device_.is_cpu()) return stored(name, shape).to(dtype_);
    at::Tensor out = at::empty(shape, at::TensorOptions().dtype(dtype_).device(device_));
    copy_part(name, shape, out);
    return out;
  }

  // Concatenates the rows of several tensors: [sum of rows, columns], or [sum of rows] for biases.
  at::Tensor fused(const std::vector<std::pair<std::string, Shape>>& parts) const {
    if (!reads_) {
      for (const auto& [name, part_shape] : parts) check(name, part_shape);
      return {};
    }
    if (parts.size() == 1) return matrix(parts[0].first, parts[0].second);
    Shape shape = parts.front().second;
    shape[0] = 0;
    for (const auto& part : parts) shape[0] += part.second[0];
    at::Tensor out = at::empty(shape, at::TensorOptions().dtype(dtype_).device(device_));
    std::int64_t row = 0;
    for (const auto& [name, part_shape] : parts) {
      copy_part(name, part_shape, out.narrow(0, row, part_shape[0]));
      row += part_shape[0];
    }
    return out;
  }

  // The mapped pages of copied tensors count as this process's memory until they are given back.
  void release(const std::vector<std::pair<std::string, Shape>>& parts) const {
    for (const auto& [name, shape] : parts) io::give_back_pages(files_.mapped_bytes(kPrefix + name));
  }

  // Call once all is loaded.
  void warn_of_rest() const {
    files_.warn_of_unchanged();
    for (const std::string& name : files_.names()) {
      account_.give(name);
      if (is_known_unread(name)) account_.ignore(name);
    }
    account_.warn_of_rest("a model of this config.json has no such tensors, and they are not read");
  }

  at::Tensor norm(const std::string& name, std::int64_t size, bool one_centred) const {
    const at::Tensor weight = stored(name, {size}).to(at::kFloat);
    return (one_centred ? weight + 1.0 : weight.clone()).to(device_);
  }

 private:
  void copy_part(const std::string& name, const Shape& shape, const at::Tensor& to) const {
    const at::Tensor from = stored(name, shape);
    if (device_.is_cpu()) {
      to.copy_(from);
      return;
    }
    staged_->copy(to, from.to(dtype_));
    release({{name, shape}});
  }

  // Uses the tensor.
  io::StoredTensor check(const std::string& name, const Shape& shape) const {
    stop_point();
    io::StoredTensor view = files_.at(kPrefix + name);
    account_.use(kPrefix + name);
    const std::string stored_name = files_.stored_name(kPrefix + name);
    if (view.shape != shape) {
      fail_data(
          "{}: tensor '{}': found shape [{}], expected [{}] from config.json; the weights are of another "
          "model",
          files_.file_of(kPrefix + name).string(), stored_name, fmt::join(view.shape, ", "),
          fmt::join(shape, ", "));
    }
    known_type(view.dtype, stored_name);
    return view;
  }

  // The tensor as stored in the file.
  at::Tensor stored(const std::string& name, const Shape& shape) const {
    const io::StoredTensor view = check(name, shape);
    const at::ScalarType type = known_type(view.dtype, name);
    const auto address = reinterpret_cast<std::uintptr_t>(view.bytes.data());
    if (address % size_of(view.dtype) != 0) {
      at::Tensor copy = at::empty(shape, type);
      std::memcpy(copy.data_ptr(), view.bytes.data(), view.bytes.size());
      return copy;
    }
    // The mapping is read-only and no operation writes to weights.
    return at::from_blob(
        const_cast<std::byte*>(view.bytes.data()), shape, [owned = view.owned](void*) {},
        at::TensorOptions().dtype(type));
  }

  const WeightsFolder& files_;
  at::ScalarType dtype_;
  at::Device device_;
  WeightFormat format_;
  bool reads_ = true;
  mutable Accounting account_;          // of the tensors
  std::unique_ptr<StagedCopy> staged_;  // only with a device
};

struct Biases {
  bool qkv = false;
  bool o = false;
  bool mlp = false;
};

Biases biases_of(const ModelConfig& c) {
  if (c.architecture == Architecture::qwen2) return {.qkv = true};
  return {.qkv = c.attention_bias, .o = c.attention_bias, .mlp = c.mlp_bias};
}

using Parts = std::vector<std::pair<std::string, std::int64_t>>;  // names and their rows

Linear load_linear(const Loader& load, const Parts& parts, std::int64_t in, bool biased, bool gated = false) {
  std::vector<std::pair<std::string, Shape>> weights;
  std::vector<std::pair<std::string, Shape>> biases;
  for (const auto& [name, rows] : parts) {
    weights.emplace_back(name + ".weight", Shape{rows, in});
    biases.emplace_back(name + ".bias", Shape{rows});
  }
  Linear linear = load.linear(load.fused(weights), biased ? load.fused(biases) : at::Tensor(), gated);
  if (linear.kernel != nullptr) load.release(weights);
  return linear;
}

void load_norms(const Loader& load, const ModelConfig& c, const std::string& at, LayerWeights& layer) {
  const bool gemma = c.architecture == Architecture::gemma2;
  layer.input_norm = load.norm(at + "input_layernorm.weight", c.hidden_size, gemma);
  layer.post_attention_norm = load.norm(at + "post_attention_layernorm.weight", c.hidden_size, gemma);
  if (!gemma) return;
  layer.pre_mlp_norm = load.norm(at + "pre_feedforward_layernorm.weight", c.hidden_size, true);
  layer.post_mlp_norm = load.norm(at + "post_feedforward_layernorm.weight", c.hidden_size, true);
}

LayerWeights load_layer(const Loader& load, const ModelConfig& c, std::int64_t index) {
  const std::string at = fmt::format("layers.{}.", index);
  const Biases biased = biases_of(c);
  const std::int64_t q_size = c.num_attention_heads * c.head_dim;
  const std::int64_t kv_size = c.num_key_value_heads * c.head_dim;
  LayerWeights layer;
  load_norms(load, c, at, layer);
  const Parts q{{at + "self_attn.q_proj", q_size}};
  const Parts kv{{at + "self_attn.k_proj", kv_size}, {at + "self_attn.v_proj", kv_size}};
  if (index + 1 == c.num_hidden_layers) {
    layer.q = load_linear(load, q, c.hidden_size, biased.qkv);
    layer.kv = load_linear(load, kv, c.hidden_size, biased.qkv);
  } else {
    layer.qkv = load_linear(load, {q[0], kv[0], kv[1]}, c.hidden_size, biased.qkv);
  }
  layer.o = load_linear(load, {{at + "self_attn.o_proj", c.hidden_size}}, q_size, biased.o);
  layer.gate_up = load_linear(
      load, {{at + "mlp.gate_proj", c.intermediate_size}, {at + "mlp.up_proj", c.intermediate_size}},
      c.hidden_size, biased.mlp, /*gated=*/true);
  layer.down = load_linear(load, {{at + "mlp.down_proj", c.hidden_size}}, c.intermediate_size, biased.mlp);
  return layer;
}

// Of the layers' output projections.
bool has_own_kernels(WeightFormat format, at::ScalarType dtype, at::Device device) {
  return device.is_cpu() && make_linear(at::ones({2, 64}, dtype), {}, format).kernel != nullptr;
}

}  // namespace

LayerWeights load_layer(const WeightsFolder& files, const ModelConfig& config, at::ScalarType dtype,
                        at::Device device, WeightFormat format, std::int64_t index) {
  return load_layer(Loader(files, dtype, device, format), config, index);
}

DecoderWeights load_weights(const WeightsFolder& files, const ModelConfig& config, at::ScalarType dtype,
                            at::Device device, WeightFormat format, bool warns,
                            const std::vector<bool>& streamed) {
  Loader load(files, dtype, device, format);
  DecoderWeights weights;
  weights.format = format;
  weights.own_kernels = has_own_kernels(format, dtype, device);
  const Shape table{config.vocab_size, config.hidden_size};
  if (!streamed.empty()) weights.embedding_rows = load.rows_of("embed_tokens.weight", table);
  if (!weights.embedding_rows) weights.embedding = load.matrix("embed_tokens.weight", table);
  Phase phase(files.folder().string() + ": loading the weights", config.num_hidden_layers, "layers");
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i) {
    load.set_reads(streamed.empty() || !streamed[static_cast<std::size_t>(i)]);
    weights.layers.push_back(load_layer(load, config, i));
    phase.advance();
  }
  weights.final_norm =
      load.norm("norm.weight", config.hidden_size, config.architecture == Architecture::gemma2);
  if (warns) load.warn_of_rest();
  return weights;
}

}  // namespace armorm::model
