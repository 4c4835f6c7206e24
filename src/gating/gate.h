// The gating network: a multilayer perceptron that maps a prompt embedding to weights of the attributes.
//
//   h = x
//   h = dropout(relu(h W_i' + b_i)) for each hidden layer
//   weights = logit_scale * softmax((h W' + b) / temperature)
#pragma once

#include <cstdint>
#include <vector>

namespace armorm::gating {

struct GateShape {
  std::int64_t input_size = 0;  // D
  std::int64_t n_hidden = 3;    // number of hidden layers
  std::int64_t hidden_size = 1024;
  std::int64_t n_attributes = 0;  // K
  double temperature = 10.0;
};

struct GateLayer {
  std::int64_t out = 0;
  std::int64_t in = 0;
  std::vector<float> weight;  // [out, in]
  std::vector<float> bias;    // [out]
};

// As in the state dict of the Python scripts: logit_scale [1], layers.<i>.weight, layers.<i>.bias.
struct GateParameters {
  float logit_scale = 1.0F;
  std::vector<GateLayer> layers;  // n_hidden + 1
};

// PyTorch's default initialisation of Linear (uniform within 1/sqrt(in), weights and biases), from a random
// stream of this seed only.
GateParameters initial_gate(const GateShape& shape, double logit_scale, std::uint64_t seed);

}  // namespace armorm::gating
