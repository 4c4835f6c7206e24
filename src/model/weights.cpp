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

struct RowRange {
  std::int64_t begin = 0, count = 0;
};

// Rows of a stored tensor, in the order in which they are loaded.
struct Part {
  std::string name;
  Shape shape;
  std::vector<RowRange> rows;

  static Part all_of(const std::string& name, const Shape& shape) { return {name, shape, {{0, shape[0]}}}; }
  std::int64_t row_count() const {
    std::int64_t count = 0;
    for (const RowRange& range : rows) count += range.count;
    return count;
  }
};

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
    return fused({Part::all_of(name, shape)});
  }

  // Concatenates rows of several tensors: [sum of rows, columns], or [sum of rows] for biases.
  at::Tensor fused(const std::vector<Part>& parts) const {
    if (!reads_) {
      for (const Part& part : parts) check(part.name, part.shape);
      return {};
    }
    if (device_.is_cpu() && parts.size() == 1 && parts[0].rows.size() == 1) {
      const RowRange rows = parts[0].rows[0];
      return stored(parts[0].name, parts[0].shape).narrow(0, rows.begin, rows.count).to(dtype_);
    }
    Shape shape = parts.front().shape;
    shape[0] = 0;
    for (const Part& part : parts) shape[0] += part.row_count();
    at::Tensor out = at::empty(shape, at::TensorOptions().dtype(dtype_).device(device_));
    std::int64_t row = 0;
    for (const Part& part : parts) {
      copy_part(part, out.narrow(0, row, part.row_count()));
      row += part.row_count();
    }
    return out;
  }

  // The mapped pages of copied tensors count as this process's memory until they are given back.
  void release(const std::vector<Part>& parts) const {
    for (const Part& part : parts) io::give_back_pages(files_.mapped_bytes(kPrefix + part.name));
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

  at::Tensor norm(const std::string& module, std::int64_t size, bool adds_one) const {
    const at::Tensor weight = stored(module + ".weight", {size}).to(at::kFloat);
    return (adds_one ? weight + 1.0 : weight.clone()).to(device_);
  }

 private:
  void copy_part(const Part& part, const at::Tensor& to) const {
    const at::Tensor from = stored(part.name, part.shape);
    std::int64_t row = 0;
    for (const RowRange& rows : part.rows) {
      const at::Tensor source = from.narrow(0, rows.begin, rows.count);
      const at::Tensor target = to.narrow(0, row, rows.count);
      if (device_.is_cpu())
        target.copy_(source);
      else
        staged_->copy(target, source.to(dtype_));
      row += rows.count;
    }
    if (!device_.is_cpu()) release({part});
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

// Rows of a module's weight and bias.
struct ModuleRows {
  std::string module;
  std::int64_t stored_rows = 0;
  std::vector<RowRange> rows;

  static ModuleRows all_of(const std::string& module, std::int64_t rows) {
    return {module, rows, {{0, rows}}};
  }
};

Linear load_linear(const Loader& load, const std::vector<ModuleRows>& modules, std::int64_t in, bool biased,
                   bool gated = false) {
  std::vector<Part> weights;
  std::vector<Part> biases;
  for (const auto& [module, stored_rows, rows] : modules) {
    weights.push_back({module + ".weight", {stored_rows, in}, rows});
    biases.push_back({module + ".bias", {stored_rows}, rows});
  }
  Linear linear = load.linear(load.fused(weights), biased ? load.fused(biases) : at::Tensor(), gated);
  if (linear.kernel != nullptr) load.release(weights);
  return linear;
}

// Rows of heads that begin at `begins`. A rotation pairs the halves of a head, so that where it takes only
// the first elements, the others are split between the halves: [r | p] becomes [r/2, p/2 | r/2, p/2], and
// products of queries and keys stay the same.
std::vector<RowRange> rows_of_heads(const std::vector<std::int64_t>& begins, std::int64_t head_dim,
                                    std::int64_t rotary_dim) {
  std::vector<RowRange> rows;
  const auto add = [&](std::int64_t begin, std::int64_t count) {
    if (!rows.empty() && rows.back().begin + rows.back().count == begin)
      rows.back().count += count;
    else
      rows.push_back({begin, count});
  };
  const std::int64_t rotated = rotary_dim / 2;
  const std::int64_t others = head_dim / 2 - rotated;
  for (const std::int64_t begin : begins) {
    if (others == 0) {
      add(begin, head_dim);
      continue;
    }
    for (const std::int64_t half : {0, 1}) {
      add(begin + half * rotated, rotated);
      add(begin + rotary_dim + half * others, others);
    }
  }
  return rows;
}

struct HeadBegins {
  std::vector<std::int64_t> q, k, v;
};

// In the one tensor, or in each of the three.
HeadBegins head_begins(const ModelConfig& c) {
  HeadBegins begins;
  const std::int64_t heads = c.num_attention_heads;
  const std::int64_t kv_heads = c.num_key_value_heads;
  const std::int64_t in_group = heads / kv_heads;
  const QkvRows rows = c.facts().names.qkv_rows;
  const auto at = [&](std::int64_t head) { return head * c.head_dim; };
  for (std::int64_t i = 0; i < heads; ++i)
    begins.q.push_back(rows == QkvRows::groups ? at(i + 2 * (i / in_group)) : at(i));
  for (std::int64_t i = 0; i < kv_heads; ++i) {
    const bool grouped = rows == QkvRows::groups;
    const bool blocks = rows == QkvRows::blocks;
    const std::int64_t k = grouped ? (i + 1) * (in_group + 2) - 2 : blocks ? heads + i : i;
    begins.k.push_back(at(k));
    begins.v.push_back(at(grouped ? k + 1 : blocks ? k + kv_heads : i));
  }
  return begins;
}

struct QkvModules {
  ModuleRows q, k, v;
};

QkvModules qkv_modules(const ModelConfig& c, const std::string& at) {
  const TensorNames& names = c.facts().names;
  const std::int64_t q_size = c.num_attention_heads * c.head_dim;
  const std::int64_t kv_size = c.num_key_value_heads * c.head_dim;
  const bool separate = names.qkv_rows == QkvRows::separate;
  const auto module = [&](std::string_view own, std::int64_t own_rows,
                          const std::vector<std::int64_t>& begins, std::int64_t rotary_dim) {
    return ModuleRows{at + std::string(separate ? own : names.qkv),
                      separate ? own_rows : q_size + 2 * kv_size,
                      rows_of_heads(begins, c.head_dim, rotary_dim)};
  };
  const HeadBegins begins = head_begins(c);
  return {module(names.q, q_size, begins.q, c.rotary_dim), module(names.k, kv_size, begins.k, c.rotary_dim),
          module(names.v, kv_size, begins.v, c.head_dim)};
}

std::vector<ModuleRows> gate_up_modules(const ModelConfig& c, const std::string& at) {
  const TensorNames& names = c.facts().names;
  if (!names.gate_up.empty())
    return {ModuleRows::all_of(at + std::string(names.gate_up), 2 * c.intermediate_size)};
  return {ModuleRows::all_of(at + std::string(names.gate), c.intermediate_size),
          ModuleRows::all_of(at + std::string(names.up), c.intermediate_size)};
}

void load_norms(const Loader& load, const ModelConfig& c, const std::string& at, LayerWeights& layer) {
  const ArchitectureFacts& facts = c.facts();
  const auto norm = [&](std::string_view name, std::int64_t size) {
    return load.norm(at + std::string(name), size, facts.norms_add_one);
  };
  layer.input_norm = norm(facts.names.input_norm, c.hidden_size);
  layer.post_attention_norm = norm(facts.names.post_attention_norm, c.hidden_size);
  if (facts.norms_of_outputs) {
    layer.pre_mlp_norm = norm(facts.names.pre_mlp_norm, c.hidden_size);
    layer.post_mlp_norm = norm(facts.names.post_mlp_norm, c.hidden_size);
  }
  if (facts.norms_of_heads) {
    layer.q_norm = norm(facts.names.q_norm, c.head_dim);
    layer.k_norm = norm(facts.names.k_norm, c.head_dim);
  }
}

LayerWeights load_layer(const Loader& load, const ModelConfig& c, std::int64_t index) {
  const std::string at = fmt::format("layers.{}.", index);
  const TensorNames& names = c.facts().names;
  LayerWeights layer;
  load_norms(load, c, at, layer);
  const QkvModules from = qkv_modules(c, at);
  if (index + 1 == c.num_hidden_layers) {
    layer.q = load_linear(load, {from.q}, c.hidden_size, c.qkv_bias);
    layer.kv = load_linear(load, {from.k, from.v}, c.hidden_size, c.qkv_bias);
  } else {
    layer.qkv = load_linear(load, {from.q, from.k, from.v}, c.hidden_size, c.qkv_bias);
  }
  layer.o = load_linear(load, {ModuleRows::all_of(at + std::string(names.o), c.hidden_size)},
                        c.num_attention_heads * c.head_dim, c.o_bias);
  layer.gate_up = load_linear(load, gate_up_modules(c, at), c.hidden_size, c.mlp_bias, /*gated=*/true);
  layer.down = load_linear(load, {ModuleRows::all_of(at + std::string(names.down), c.hidden_size)},
                           c.intermediate_size, c.mlp_bias);
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
  const ArchitectureFacts& facts = config.facts();
  const std::string embedding = std::string(facts.names.embedding) + ".weight";
  const Shape table{config.vocab_size, config.hidden_size};
  if (!streamed.empty()) weights.embedding_rows = load.rows_of(embedding, table);
  if (!weights.embedding_rows) weights.embedding = load.matrix(embedding, table);
  Phase phase(files.folder().string() + ": loading the weights", config.num_hidden_layers, "layers");
  for (std::int64_t i = 0; i < config.num_hidden_layers; ++i) {
    load.set_reads(streamed.empty() || !streamed[static_cast<std::size_t>(i)]);
    weights.layers.push_back(load_layer(load, config, i));
    phase.advance();
  }
  weights.final_norm =
      load.norm(std::string(facts.names.final_norm), config.hidden_size, facts.norms_add_one);
  if (warns) load.warn_of_rest();
  return weights;
}

}  // namespace armorm::model
