// Launchers of our CUDA kernels. They take raw device pointers and a stream, so that nvcc never sees a
// LibTorch header. Each kernel computes in float32 and rounds once; the caller checks the launch
// (cudaGetLastError).
#pragma once

#include <cstdint>
#include <initializer_list>

struct CUstream_st;

namespace armorm::model::cuda {

using Stream = CUstream_st*;

enum class Element { fp32, bf16 };

// Contiguous rows of `width` elements. weight float32 [width].
void launch_rms_norm(Element type, const void* x, const float* weight, void* out, std::int64_t rows,
                     std::int64_t width, float eps, Stream stream);

// residual += delta, then the norm of the rounded sum into out.
void launch_add_rms_norm(Element type, void* residual, const void* delta, const float* weight, void* out,
                         std::int64_t rows, std::int64_t width, float eps, Stream stream);

// x: `rows` rows, `row_stride` elements apart, of `heads` heads of 2 * half elements. cos, sin float32 [rows,
// half].
void launch_rope(Element type, void* x, const float* cos, const float* sin, std::int64_t rows,
                 std::int64_t row_stride, std::int64_t heads, std::int64_t half, Stream stream);

// The norm of each head, then the rotation. weight float32 [2 * half].
void launch_norm_rope(Element type, void* x, const float* weight, float eps, const float* cos,
                      const float* sin, std::int64_t rows, std::int64_t row_stride, std::int64_t heads,
                      std::int64_t half, Stream stream);

// gate_up [rows, 2 * width] -> out [rows, width]: activation(gate) * up.
void launch_gated_silu(Element type, const void* gate_up, void* out, std::int64_t rows, std::int64_t width,
                       Stream stream);
void launch_gated_gelu_tanh(Element type, const void* gate_up, void* out, std::int64_t rows,
                            std::int64_t width, Stream stream);

// x [rows, width] -> e4m3 bytes and float32 scales [rows].
void launch_quantise_rows(Element type, const void* x, void* out, float* scales, std::int64_t rows,
                          std::int64_t width, Stream stream);

// The kernels above with the quantisation of their bfloat16 results, which they then do not store; equal
// bits. Only for what quantises_at_once(): width is that of the result, `data` all pointers but the scales.
bool quantises_at_once(Element type, std::int64_t width, std::initializer_list<const void*> data);
void launch_quantised_rms_norm(const void* x, const float* weight, void* out, float* scales,
                               std::int64_t rows, std::int64_t width, float eps, Stream stream);
void launch_quantised_add_rms_norm(void* residual, const void* delta, const float* weight, void* out,
                                   float* scales, std::int64_t rows, std::int64_t width, float eps,
                                   Stream stream);
void launch_quantised_gated_silu(const void* gate_up, void* out, float* scales, std::int64_t rows,
                                 std::int64_t width, Stream stream);
void launch_quantised_gated_gelu_tanh(const void* gate_up, void* out, float* scales, std::int64_t rows,
                                      std::int64_t width, Stream stream);

}  // namespace armorm::model::cuda
