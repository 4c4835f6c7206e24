#include "model/decoder.h"

#include <ATen/ATen.h>

#include <cmath>

#include "core/error.h"
#include "core/stop_point.h"
#include "model/fp8.h"

namespace armorm::model {
namespace {

// Rows in a product of fixed shape: enough to keep the device busy, few enough that padding costs little.
constexpr std::int64_t kTokenRows = 4096;
constexpr std::int64_t kWantedRows = 256;

at::Tensor as_heads(const at::Tensor& x, std::int64_t head_dim) {
  return x.unflatten(1, {x.size(1) / head_dim, head_dim});
}

struct KeysAndValues {
  at::Tensor keys;  // [key rows, kv_heads, head_dim]
  at::Tensor values;
};

KeysAndValues halves(const at::Tensor& both) {
  const std::int64_t kv_heads = both.size(1) / 2;
  return {both.narrow(1, 0, kv_heads), both.narrow(1, kv_heads, kv_heads)};
}

// Token rows, and behind them the cached rows that the pack continues.
at::Tensor with_cached(const at::Tensor& own, const PackLayout& layout, std::size_t index) {
  std::vector<at::Tensor> rows{own};
  for (const CachedPrefix& cached : layout.cached)
    rows.push_back(cached.rows->layers[index].narrow(0, 0, cached.tokens));
  return at::cat(rows);
}

// own [tokens, 2 * kv_heads, head_dim]: the keys' heads, then the values', of layer `index`.
KeysAndValues gather(const at::Tensor& own, const PackLayout& layout, std::size_t index) {
  if (!layout.cached.empty()) return halves(with_cached(own, layout, index).index_select(0, layout.key_rows));
  const KeysAndValues rows = halves(own);
  if (!layout.key_rows.defined()) return rows;
  return {rows.keys.index_select(0, layout.key_rows), rows.values.index_select(0, layout.key_rows)};
}

// A sequence's key rows begin with those of its first tokens, in order.
void keep_rows(const KeysAndValues& rows, const PackLayout& layout, std::vector<PrefixRows>& kept) {
  kept.resize(layout.keep.size());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const auto [begin, tokens] = layout.keep[i];
    kept[i].layers.push_back(
        at::cat({rows.keys.narrow(0, begin, tokens), rows.values.narrow(0, begin, tokens)}, 1));
  }
}

void check_shared_prefixes(const PackLayout& layout, const Rope& rope) {
  if (!layout.key_rows.defined()) return;
  for (const std::int64_t length : layout.sequence_lengths) {
    if (rope.depends_on_length(length)) {
      fail_internal(
          "a sequence of {} tokens continues another, but longrope or dynamic rope scaling gives both other "
          "keys",
          length);
    }
  }
}

// See why_no_shared_prefixes().
void check_invariant_sharing(const PackLayout& layout, const at::Tensor& hidden, const ModelConfig& config) {
  if (layout.key_rows.defined() && hidden.is_cuda() &&
      !flash_takes(hidden.scalar_type(), config.head_dim, config.attn_logit_softcapping)) {
    fail_internal(
        "a sequence of a pack continues another, which batch_invariant allows on CUDA only in "
        "FlashAttention");
  }
}

// On the CPU only the packed products keep a row's bits; libraries choose by shape, alignment and threads.
void check_invariance(const DecoderWeights& weights, at::Device device) {
  if (device.is_cpu() && !weights.own_kernels) {
    fail_usage(
        "batch_invariant: on the CPU it needs other kernels than libtorch, which need AVX2; give "
        "`batch_invariant`=false, or use another machine");
  }
}

// Norms whose results products of weights of `format` read.
LinearInput norm_for(WeightFormat format, const at::Tensor& x, const at::Tensor& weight, double eps) {
  if (is_fp8(format)) return quantised_rms_norm(x, weight, eps);
  return rms_norm(x, weight, eps);
}

LinearInput add_norm_for(WeightFormat format, at::Tensor& residual, const at::Tensor& delta,
                         const at::Tensor& weight, double eps) {
  if (is_fp8(format)) return quantised_add_rms_norm(residual, delta, weight, eps);
  return add_rms_norm(residual, delta, weight, eps);
}

}  // namespace

Decoder::Decoder(ModelConfig config, DecoderWeights weights, at::Device device, bool batch_invariant,
                 bool cudnn)
    : config_(std::move(config)),
      weights_(std::move(weights)),
      device_(device),
      rope_(config_, {config_.rope_theta, config_.rope_scaling}, device),
      activation_(config_.hidden_act == "silu" ? Activation::silu : Activation::gelu_tanh),
      cudnn_(cudnn) {
  if (config_.sliding_rope) sliding_rope_.emplace(config_, *config_.sliding_rope, device);
  if (!batch_invariant) return;
  check_invariance(weights_, device);
  token_rows_ = kTokenRows;
  wanted_rows_ = kWantedRows;
}

AttentionOptions Decoder::attention_options(std::size_t layer) const {
  const double scalar = config_.query_pre_attn_scalar > 0.0 ? config_.query_pre_attn_scalar
                                                            : static_cast<double>(config_.head_dim);
  AttentionOptions options;
  options.scale = 1.0 / std::sqrt(scalar);
  options.softcap = config_.attn_logit_softcapping;
  options.fixed_order = token_rows_ > 0;
  options.cudnn = cudnn_;
  options.window = config_.layer_is_sliding[layer] ? config_.sliding_window : 0;
  return options;
}

at::Tensor Decoder::embed(const at::Tensor& tokens) const {
  at::Tensor x = weights_.embedding_rows ? weights_.embedding_rows->rows(tokens)
                                         : weights_.embedding.index_select(0, tokens);
  if (!config_.facts().scales_embedding) return x;
  // The scale is rounded to the weights' type, as in Gemma's training.
  const double exact = std::sqrt(static_cast<double>(config_.hidden_size));
  const double scale = at::tensor(exact, at::kFloat).to(x.scalar_type()).item<float>();
  return x.mul_(scale);
}

// Normalises queries or keys where the architecture does, and rotates them.
void Decoder::place(at::Tensor& heads, const at::Tensor& norm, const RopeTable& rope) const {
  if (norm.defined())
    norm_rope_inplace(heads, norm, config_.rms_norm_eps, rope.cos, rope.sin);
  else
    rope_inplace(heads, rope.cos, rope.sin);
}

at::Tensor Decoder::attention(std::size_t index, const LayerWeights& layer, const LinearInput& normed,
                              const PackLayout& layout, const RopeTable& rope,
                              std::vector<PrefixRows>& kept) const {
  const std::int64_t heads = config_.num_attention_heads;
  const std::int64_t kv_heads = config_.num_key_value_heads;
  const at::Tensor qkv = as_heads(apply(layer.qkv, normed, token_rows_), config_.head_dim);
  at::Tensor q = qkv.narrow(1, 0, heads);
  if (layer.q_norm.defined()) {
    at::Tensor keys = qkv.narrow(1, heads, kv_heads);
    place(q, layer.q_norm, rope);
    place(keys, layer.k_norm, rope);
  } else {
    at::Tensor both = qkv.narrow(1, 0, heads + kv_heads);
    rope_inplace(both, rope.cos, rope.sin);
  }
  const KeysAndValues rows = gather(qkv.narrow(1, heads, 2 * kv_heads), layout, index);
  keep_rows(rows, layout, kept);
  const at::Tensor out = packed_attention(q, rows.keys, rows.values, layout.all, attention_options(index));
  return apply(layer.o, out.flatten(1), token_rows_);
}

at::Tensor Decoder::last_attention(std::size_t index, const LayerWeights& layer, const LinearInput& normed,
                                   const PackLayout& layout, const RopeTable& rope,
                                   std::vector<PrefixRows>& kept) const {
  const at::Tensor kv = as_heads(apply(layer.kv, normed, token_rows_), config_.head_dim);
  at::Tensor keys = kv.narrow(1, 0, config_.num_key_value_heads);
  place(keys, layer.k_norm, rope);
  const LinearInput wanted = select_rows(normed, layout.wanted);
  at::Tensor q = as_heads(apply(layer.q, wanted, wanted_rows_), config_.head_dim);
  place(q, layer.q_norm, {rope.cos.index_select(0, layout.wanted), rope.sin.index_select(0, layout.wanted)});
  const KeysAndValues rows = gather(kv, layout, index);
  keep_rows(rows, layout, kept);
  const at::Tensor out = packed_attention(q, rows.keys, rows.values, layout.pruned, attention_options(index));
  return apply(layer.o, out.flatten(1), wanted_rows_);
}

at::Tensor Decoder::mlp(const LayerWeights& layer, const LinearInput& normed,
                        std::int64_t rows_at_once) const {
  return apply(layer.down, apply_gated(layer.gate_up, normed, activation_, rows_at_once), rows_at_once);
}

PackState Decoder::begin(const PackLayout& layout) const {
  check_shared_prefixes(layout, rope_);
  if (sliding_rope_) check_shared_prefixes(layout, *sliding_rope_);
  PackState state{{rope_.table(layout.positions, layout.sequence_lengths), {}}, embed(layout.tokens)};
  state.ropes.sliding =
      sliding_rope_ ? sliding_rope_->table(layout.positions, layout.sequence_lengths) : state.ropes.full;
  if (token_rows_ > 0) check_invariant_sharing(layout, state.residual, config_);
  return state;
}

void Decoder::run_layer(std::size_t index, const LayerWeights& layer, const PackLayout& layout,
                        PackState& state) const {
  stop_point();
  const double eps = config_.rms_norm_eps;
  const WeightFormat format = weights_.format;
  at::Tensor& residual = state.residual;
  LinearInput& normed = state.normed;
  if (!normed.rows.defined()) normed = norm_for(format, residual, layer.input_norm, eps);
  const RopeTable& rope = config_.layer_is_sliding[index] ? state.ropes.sliding : state.ropes.full;
  const bool last = index + 1 == weights_.layers.size();
  at::Tensor delta = last ? last_attention(index, layer, normed, layout, rope, state.kept)
                          : attention(index, layer, normed, layout, rope, state.kept);
  if (last) residual = residual.index_select(0, layout.wanted);
  const bool of_outputs = layer.pre_mlp_norm.defined();
  if (of_outputs) delta = rms_norm(delta, layer.post_attention_norm, eps);
  normed =
      add_norm_for(format, residual, delta, of_outputs ? layer.pre_mlp_norm : layer.post_attention_norm, eps);
  delta = mlp(layer, normed, last ? wanted_rows_ : token_rows_);
  if (of_outputs) delta = rms_norm(delta, layer.post_mlp_norm, eps);
  normed = last ? add_rms_norm(residual, delta, weights_.final_norm, eps)
                : add_norm_for(format, residual, delta, weights_.layers[index + 1].input_norm, eps);
}

at::Tensor Decoder::forward(const PackLayout& layout) const {
  std::vector<PrefixRows> kept;
  return forward(layout, kept);
}

at::Tensor Decoder::forward(const PackLayout& layout, std::vector<PrefixRows>& kept) const {
  PackState state = begin(layout);
  for (std::size_t i = 0; i < weights_.layers.size(); ++i) run_layer(i, weights_.layers[i], layout, state);
  kept = std::move(state.kept);
  return state.normed.rows;
}

}  // namespace armorm::model
