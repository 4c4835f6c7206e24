// Runs CUDA kernels as host code: blocks one after the other, the threads of a block as fibers that are
// switched only where they wait for each other, so that every run is the same. A Fault is thrown for what
// CUDA leaves undefined:
//   - a barrier that some threads of the block do not reach, or threads at two barriers at once;
//   - a shuffle whose mask names lanes that do not take part in it, or not the caller or its source;
//   - memory accesses that memory.h refuses;
//   - grids and blocks that a launch would refuse.
#pragma once

#include <cstdint>
#include <functional>
#include <source_location>
#include <stdexcept>
#include <string>

namespace armorm::test::simt {

class Fault : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

using Site = std::source_location;

// CUDA's dim3 and uint3.
struct Extent {
  // NOLINTNEXTLINE(google-explicit-constructor): as dim3
  constexpr Extent(unsigned x_size = 1, unsigned y_size = 1, unsigned z_size = 1)
      : x(x_size), y(y_size), z(z_size) {}
  std::uint64_t count() const { return std::uint64_t{x} * y * z; }
  unsigned x, y, z;
};

// Of the running thread; CUDA's names.
extern Extent threadIdx, blockIdx, blockDim, gridDim;

// Warps of a block, and lanes of a warp, run as far as they can in this order. A barrier that is missing
// shows in one of the two.
enum class Order { ascending, descending };
void use_order(Order order);

// Calls `thread` once for each thread.
void run_grid(Extent grid, Extent block, const std::function<void()>& thread);

// For the functions of CUDA that a thread calls.
void wait_at_barrier(const Site& site);
std::uint32_t shuffle_xor(std::uint32_t mask, std::uint32_t value, int lane_mask, const Site& site);
// From 1, different for all threads of a grid; 0 outside of kernels.
std::uint64_t thread_id();

// "file.cu:12"
std::string name_of(const Site& site);

}  // namespace armorm::test::simt
