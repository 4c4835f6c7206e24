// Where stage2-train keeps its arrays of all pairs.
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>

#include "armorm/stage2_train.h"
#include "io/file_system.h"
#include "io/scratch_memory.h"
#include "stages/gate/gate_inputs.h"

namespace armorm::stages::gate {

// Up to this many bytes they stay in memory with --scratch auto.
inline constexpr std::int64_t kInMemory = std::int64_t{384} << 20;

// An upper bound of the bytes of all arrays at once, from inputs.sizes.
std::int64_t array_bytes(const Stage2TrainOptions& options, const GateInputs& inputs);

class GateMemory {
 public:
  // Chooses and logs the place. io error when it is a folder in which the arrays do not fit.
  GateMemory(const Stage2TrainOptions& options, const GateInputs& inputs, io::FileSystem& files);

  std::pmr::memory_resource* arrays() const {
    return scratch_ ? scratch_.get() : std::pmr::get_default_resource();
  }

 private:
  std::unique_ptr<io::ScratchMemory> scratch_;  // nullptr: they are in memory
};

}  // namespace armorm::stages::gate
