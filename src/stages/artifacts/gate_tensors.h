// A gate's parameters as named tensors, with the names of the Python scripts' state dict.
#pragma once

#include <string>

#include "gating/gate.h"
#include "io/safetensors.h"
#include "model/pt/pt_file.h"

namespace armorm::stages::artifacts {

// logit_scale [1], layers.<i>.weight [out, in], layers.<i>.bias [out], each name with `prefix`.
model::pt::PtTensors gate_tensors(const gating::GateParameters& gate, const std::string& prefix = "");

// data error when logit_scale is absent, or the shapes of the layers do not chain.
gating::GateParameters read_gate_tensors(const io::SafetensorsFile& file, const std::string& prefix);

// float32, in the order of `tensors`
std::vector<io::TensorSpec> specs_of(const model::pt::PtTensors& tensors);
void append_all(io::SafetensorsWriter& writer, const model::pt::PtTensors& tensors);

}  // namespace armorm::stages::artifacts
