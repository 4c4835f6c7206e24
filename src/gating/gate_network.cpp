#include "gating/gate_network.h"

#include <ATen/CPUGeneratorImpl.h>

#include <cmath>
#include <numbers>

#include "armorm/core/error.h"

namespace armorm {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kEpsilon = 1e-8;

at::Tensor to_device(const std::vector<float>& values, at::IntArrayRef shape, at::Device device) {
  return at::from_blob(const_cast<float*>(values.data()), shape, at::kFloat).clone().to(device);
}

std::vector<float> to_vector(const at::Tensor& tensor) {
  const at::Tensor host = tensor.to(at::kCPU).contiguous();
  const float* data = host.const_data_ptr<float>();
  return {data, data + host.numel()};
}

}  // namespace

GateNetwork::GateNetwork(const GateParameters& parameters, at::Device device) {
  tensors_.push_back(to_device({parameters.logit_scale}, {1}, device));
  for (const GateLayer& layer : parameters.layers) {
    tensors_.push_back(to_device(layer.weight, {layer.out, layer.in}, device));
    tensors_.push_back(to_device(layer.bias, {layer.out}, device));
  }
}

GateParameters to_parameters(const std::vector<at::Tensor>& tensors) {
  GateParameters out;
  out.logit_scale = tensors[0].to(at::kCPU).item<float>();
  for (std::size_t i = 1; i < tensors.size(); i += 2)
    out.layers.push_back({tensors[i].size(0), tensors[i].size(1), to_vector(tensors[i]), to_vector(tensors[i + 1])});
  return out;
}

GateParameters GateNetwork::parameters() const { return to_parameters(tensors_); }

at::Tensor GateNetwork::forward(const at::Tensor& x, double dropout, std::optional<at::Generator> generator) {
  const bool training = generator.has_value();
  inputs_.clear();
  slopes_.clear();
  at::Tensor h = x;
  for (std::size_t i = 0; i < n_layers(); ++i) {
    if (training) inputs_.push_back(h);
    h = at::addmm(bias(i), h, weight(i).t());
    if (i + 1 == n_layers()) break;
    if (!training) {
      h.relu_();
      continue;
    }
    at::Tensor slope = h.gt(0).to(at::kFloat);
    if (dropout > 0) {
      const at::Tensor keep = at::empty_like(slope).bernoulli_(1.0 - dropout, generator);
      slope.mul_(keep).div_(1.0 - dropout);
    }
    h = h * slope;
    slopes_.push_back(slope);
  }
  return h;
}

std::vector<at::Tensor> GateNetwork::backward(const at::Tensor& d_logits, const at::Tensor& d_scale) const {
  std::vector<at::Tensor> gradients(tensors_.size());
  gradients[0] = d_scale.reshape({1});
  at::Tensor d = d_logits;
  for (std::size_t i = n_layers(); i-- > 0;) {
    gradients[1 + 2 * i] = d.t().matmul(inputs_[i]);
    gradients[2 + 2 * i] = d.sum(0);
    if (i > 0) d = d.matmul(weight(i)).mul_(slopes_[i - 1]);
  }
  return gradients;
}

AdamW::AdamW(const std::vector<at::Tensor>& tensors, double weight_decay) : weight_decay_(weight_decay) {
  for (const at::Tensor& t : tensors) {
    first_.push_back(at::zeros_like(t));
    second_.push_back(at::zeros_like(t));
  }
}

void AdamW::step(std::vector<at::Tensor>& tensors, const std::vector<at::Tensor>& gradients, double learning_rate) {
  ++steps_;
  const double correction1 = 1.0 - std::pow(kBeta1, static_cast<double>(steps_));
  const double correction2 = std::sqrt(1.0 - std::pow(kBeta2, static_cast<double>(steps_)));
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (weight_decay_ != 0) tensors[i].mul_(1.0 - learning_rate * weight_decay_);
    first_[i].lerp_(gradients[i], 1.0 - kBeta1);
    second_[i].mul_(kBeta2).addcmul_(gradients[i], gradients[i], 1.0 - kBeta2);
    const at::Tensor denominator = second_[i].sqrt().div_(correction2).add_(kEpsilon);
    tensors[i].addcdiv_(first_[i], denominator, -learning_rate / correction1);
  }
}

double cosine_learning_rate(double peak, std::int64_t step, std::int64_t n_steps) {
  return peak * 0.5 * (1.0 + std::cos(std::numbers::pi * static_cast<double>(step) / static_cast<double>(n_steps)));
}

std::uint64_t stream_seed(std::uint64_t seed, std::uint64_t purpose) {
  std::uint64_t z = seed * 4 + purpose + 0x9e3779b97f4a7c15ULL;  // splitmix64
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

GateParameters initial_gate(const GateShape& shape, double logit_scale, std::uint64_t seed) {
  if (shape.input_size < 1 || shape.n_attributes < 1 || shape.n_hidden < 0 || shape.hidden_size < 1)
    fail_internal("gate shape {} -> {} x {} -> {} is not valid", shape.input_size, shape.n_hidden, shape.hidden_size,
                  shape.n_attributes);
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

}  // namespace armorm
