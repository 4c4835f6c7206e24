#include "gating/gate_network.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "gating/gate_rows.h"

namespace armorm::gating {
namespace {

at::Tensor to_device(const std::vector<float>& values, at::IntArrayRef shape, at::Device device) {
  return at::from_blob(const_cast<float*>(values.data()), shape, at::kFloat).clone().to(device);
}

std::vector<float> to_vector(const at::Tensor& tensor) {
  const at::Tensor host = tensor.to(at::kCPU).contiguous();
  const float* data = host.const_data_ptr<float>();
  return {data, data + host.numel()};
}

// ReLU in place. Companion of relu_backward().
void rectify(at::Tensor& h) {
  if (!h.is_cpu()) {
    h.relu_();
    return;
  }
  float* x = h.mutable_data_ptr<float>();
  at::parallel_for(0, h.numel(), gate_rows::kGrain,
                   [&](std::int64_t begin, std::int64_t end) { gate_rows::relu(x + begin, end - begin); });
}

void rectify_and_drop(at::Tensor& h, double probability, std::uint64_t seed) {
  if (!h.is_cpu()) {
    at::Generator generator = at::globalContext().defaultGenerator(h.device()).clone();
    generator.set_current_seed(seed);
    h.relu_().mul_(at::empty_like(h).bernoulli_(1.0 - probability, generator)).div_(1.0 - probability);
    return;
  }
  const gate_rows::Dropout dropout{seed, static_cast<std::uint32_t>(std::llround(probability * 4294967296.0)),
                                   static_cast<float>(1.0 / (1.0 - probability))};
  float* x = h.mutable_data_ptr<float>();
  // Threads take complete grains, so that each thread begins at an even element.
  const std::int64_t grains = (h.numel() + gate_rows::kGrain - 1) / gate_rows::kGrain;
  at::parallel_for(0, grains, 1, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t first = begin * gate_rows::kGrain;
    gate_rows::relu_dropout(dropout, first, x + first, std::min(end * gate_rows::kGrain, h.numel()) - first);
  });
}

void relu_backward(const at::Tensor& output, double scale, at::Tensor& d) {
  if (!d.is_cpu()) {
    d.mul_(output.gt(0)).mul_(scale);
    return;
  }
  float* x = d.mutable_data_ptr<float>();
  const auto run = [&](const auto* y) {
    at::parallel_for(0, d.numel(), gate_rows::kGrain, [&](std::int64_t begin, std::int64_t end) {
      gate_rows::relu_backward(y + begin, static_cast<float>(scale), x + begin, end - begin);
    });
  };
  if (output.scalar_type() == at::kBFloat16) {
    run(static_cast<const BFloat16*>(output.const_data_ptr()));
  } else {
    run(output.const_data_ptr<float>());
  }
}

}  // namespace

std::vector<at::Tensor> to_tensors(const GateParameters& parameters, at::Device device) {
  std::vector<at::Tensor> tensors{to_device({parameters.logit_scale}, {1}, device)};
  for (const GateLayer& layer : parameters.layers) {
    tensors.push_back(to_device(layer.weight, {layer.out, layer.in}, device));
    tensors.push_back(to_device(layer.bias, {layer.out}, device));
  }
  return tensors;
}

GateParameters to_parameters(const std::vector<at::Tensor>& tensors) {
  GateParameters out;
  out.logit_scale = tensors[0].to(at::kCPU).item<float>();
  for (std::size_t i = 1; i < tensors.size(); i += 2)
    out.layers.push_back(
        {tensors[i].size(0), tensors[i].size(1), to_vector(tensors[i]), to_vector(tensors[i + 1])});
  return out;
}

GateNetwork::GateNetwork(const GateParameters& parameters, at::Device device, GatePrecision precision)
    : precision_(precision), tensors_(to_tensors(parameters, device)) {}

GateParameters GateNetwork::parameters() const { return to_parameters(tensors_); }

GateNetwork GateNetwork::in_float32() const {
  GateNetwork copy = *this;
  copy.precision_ = GatePrecision::fp32;
  return copy;
}

at::Tensor GateNetwork::forward(const at::Tensor& x, const std::optional<DropoutStream>& dropout) {
  inputs_.clear();
  const bool drops = dropout && dropout->probability > 0;
  kept_scale_ = drops ? 1.0 / (1.0 - dropout->probability) : 1.0;
  at::Tensor h = x;
  for (std::size_t i = 0; i < n_layers(); ++i) {
    h = to_operand(h, precision_);
    if (dropout) inputs_.push_back(h);
    h = layer_output(h, weight(i), bias(i), precision_);
    if (i + 1 == n_layers()) break;
    if (drops) {
      rectify_and_drop(h, dropout->probability, stream_seed(dropout->seed, i));
    } else {
      rectify(h);
    }
  }
  return h;
}

std::vector<at::Tensor> GateNetwork::backward(const at::Tensor& d_logits, const at::Tensor& d_scale) const {
  std::vector<at::Tensor> gradients(tensors_.size());
  gradients[0] = d_scale.reshape({1});
  at::Tensor d = d_logits;
  for (std::size_t i = n_layers(); i-- > 0;) {
    const at::Tensor operand = to_operand(d, precision_);
    gradients[1 + 2 * i] = weight_gradient(operand, inputs_[i], precision_);
    gradients[2 + 2 * i] = d.sum(0);
    if (i == 0) break;
    d = input_gradient(operand, weight(i), precision_);
    relu_backward(inputs_[i], kept_scale_, d);
  }
  return gradients;
}

std::uint64_t stream_seed(std::uint64_t seed, std::uint64_t purpose) {
  std::uint64_t z = seed * 4 + purpose + 0x9e3779b97f4a7c15ULL;  // splitmix64
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

GateParameters initial_gate(const GateShape& shape, double logit_scale, std::uint64_t seed) {
  if (shape.input_size < 1 || shape.n_attributes < 1 || shape.n_hidden < 0 || shape.hidden_size < 1)
    fail_internal("gate shape {} -> {} x {} -> {} is not valid", shape.input_size, shape.n_hidden,
                  shape.hidden_size, shape.n_attributes);
  at::Generator generator = at::detail::createCPUGenerator(stream_seed(seed, 0));
  GateParameters gate;
  gate.logit_scale = static_cast<float>(logit_scale);
  std::int64_t in = shape.input_size;
  for (std::int64_t i = 0; i <= shape.n_hidden; ++i) {
    const std::int64_t out = i < shape.n_hidden ? shape.hidden_size : shape.n_attributes;
    const double bound = 1.0 / std::sqrt(static_cast<double>(in));
    const at::Tensor weight = at::empty({out, in}, at::kFloat).uniform_(-bound, bound, generator);
    const at::Tensor bias = at::empty({out}, at::kFloat).uniform_(-bound, bound, generator);
    gate.layers.push_back({out, in, to_vector(weight), to_vector(bias)});
    in = out;
  }
  return gate;
}

}  // namespace armorm::gating
