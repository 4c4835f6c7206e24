// A gate's parameters as named tensors, as the Python scripts' state dict names them.
#pragma once

#include <string>

#include "gating/gate.h"
#include "io/safetensors.h"
#include "model/pt/pt_file.h"

namespace armorm {

// logit_scale [1], layers.<i>.weight [out, in], layers.<i>.bias [out], each with `prefix` before its name.
PtTensors gate_tensors(const GateParameters& gate, const std::string& prefix = "");

// data error when logit_scale is absent, or the layers' shapes do not follow from one another.
GateParameters read_gate_tensors(const SafetensorsFile& file, const std::string& prefix);

// float32, in the order of `tensors`
std::vector<TensorSpec> specs_of(const PtTensors& tensors);
void append_all(SafetensorsWriter& writer, const PtTensors& tensors);

}  // namespace armorm
