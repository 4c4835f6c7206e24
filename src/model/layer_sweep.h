// One sweep over the layers with many packs: every layer is in memory once for all of them.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "model/decoder.h"
#include "model/streamed_layers.h"
#include "model/waiting_rows.h"

namespace armorm::model {

struct SweptPack {
  PackLayout layout;
  at::Tensor rows;       // result, as of Decoder::forward(); undefined where none are wanted
  double seconds = 0.0;  // of its computation on the CPU
};

// `waiting` is for as many packs. A GPU must be current; it has done all when this returns.
void sweep_layers(const Decoder& decoder, StreamedLayers& streamed, WaitingRows& waiting,
                  std::vector<SweptPack>& packs);

}  // namespace armorm::model
