// Packed attention of one shape as a graph of cuDNN, through cuDNN's C++ front end. The libcudnn is the one
// that LibTorch has loaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "model/common/packed_shape.h"

struct cudnnContext;

namespace armorm::model::cuda {

// Of the libcudnn that LibTorch has loaded, and of the headers of this build; 91900 = 9.19.0. 0 if LibTorch
// has loaded none under the name that the headers go with.
std::size_t loaded_cudnn();
std::size_t built_cudnn();

// Addresses on the device. Lengths int32 [sequences], offsets int32 [sequences + 1] in elements.
struct GraphPointers {
  const void* q = nullptr;
  const void* k = nullptr;
  const void* v = nullptr;
  void* out = nullptr;  // [queries, heads, head_dim], contiguous
  const void* q_lengths = nullptr;
  const void* kv_lengths = nullptr;
  const void* q_offsets = nullptr;
  const void* k_offsets = nullptr;
  const void* v_offsets = nullptr;
  const void* out_offsets = nullptr;
};

// Functions that return a string return "" on success, otherwise cuDNN's reason. They need loaded_cudnn().
class CudnnGraph {
 public:
  // For devices of this compute capability, 90 = 9.0.
  CudnnGraph(const PackedShape& shape, int capability);
  CudnnGraph(const CudnnGraph&) = delete;
  CudnnGraph& operator=(const CudnnGraph&) = delete;
  ~CudnnGraph();

  // Needs no device.
  std::string validate();
  // Makes cuDNN's own graph for a device that is described instead of present, in the JSON of
  // CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION. After validate().
  std::string lower(const std::string& device);
  // Builds the plan that cuDNN prefers on the handle's device; may take a second. After validate().
  std::string build(cudnnContext* handle);
  // After build().
  std::int64_t workspace_bytes() const;
  // Enqueues the work on the handle's stream. After build().
  std::string run(cudnnContext* handle, const GraphPointers& pointers, void* workspace) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace armorm::model::cuda
