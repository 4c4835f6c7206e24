// The layer that runs kernels as host code: what it computes, and what it refuses.
#include <catch2/catch.hpp>
#include <vector>

#include "support/simt/cuda/cuda_runtime.h"
#include "support/simt/cuda/model/cuda/memory.cuh"

namespace armorm::test::simt {
namespace {

using Catch::Matchers::Contains;
using model::cuda::read;
using model::cuda::write;

template <class Kernel>
void launch(Extent grid, Extent block, const Kernel& kernel) {
  run_grid(grid, block, kernel);
}

struct Floats {
  explicit Floats(std::size_t count, std::size_t offset = 0) : memory(count * sizeof(float), offset) {}
  float* at(std::size_t i) { return reinterpret_cast<float*>(memory.data()) + i; }
  Memory memory;
};

void in_both_orders(const std::function<void()>& check) {
  for (const Order order : {Order::ascending, Order::descending}) {
    use_order(order);
    check();
  }
  use_order(Order::ascending);
}

// The sum of 1, 2 ... over the lanes that the mask names.
float warp_sum(unsigned mask) {
  float sum = static_cast<float>(threadIdx.x % 32 + 1);
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(mask, sum, offset);
  return sum;
}

// Assertions are macros, within which everything stands in one place.
void wait_at_two_barriers() {
  if (threadIdx.x < 40)
    __syncthreads();
  else
    __syncthreads();
}

void take_two_shuffles() {
  if (threadIdx.x < 16)
    __shfl_xor_sync(0xffffffffU, 1.0F, 1);
  else
    __shfl_xor_sync(0xffffffffU, 1.0F, 1);
}

}  // namespace

TEST_CASE("each thread of a grid runs once, with its own indices", "[unit]") {
  in_both_orders([] {
    std::vector<int> seen(3 * 2 * 5 * 4 * 2);
    launch({3, 2}, {5, 4, 2}, [&] {
      REQUIRE(gridDim.x == 3);
      REQUIRE(blockDim.y == 4);
      const unsigned block = blockIdx.y * 3 + blockIdx.x;
      ++seen[block * 40 + threadIdx.z * 20 + threadIdx.y * 5 + threadIdx.x];
    });
    CHECK(seen == std::vector<int>(seen.size(), 1));
  });
}

TEST_CASE("threads keep their indices and locals across barriers and shuffles", "[unit]") {
  in_both_orders([] {
    std::vector<float> sums(96);
    std::vector<float> neighbours(96);
    launch({1}, {96}, [&] {
      const unsigned me = threadIdx.x;
      sums[me] = warp_sum(0xffffffffU);
      __syncthreads();
      neighbours[me] = sums[95 - me] + static_cast<float>(threadIdx.x);
    });
    for (std::size_t i = 0; i < 96; ++i) {
      CHECK(sums[i] == 528.0F);
      CHECK(neighbours[i] == 528.0F + static_cast<float>(i));
    }
  });
}

TEST_CASE("without its barrier, an exchange goes wrong in one of the two orders", "[unit]") {
  int wrong = 0;
  in_both_orders([&] {
    std::vector<int> values(64);
    std::vector<int> read(64);
    launch({1}, {64}, [&] {
      values[threadIdx.x] = 1;
      read[threadIdx.x] = values[(threadIdx.x + 32) % 64];
    });
    if (read != std::vector<int>(64, 1)) ++wrong;
  });
  CHECK(wrong > 0);
}

TEST_CASE("a barrier that some threads do not reach is a fault", "[unit]") {
  in_both_orders([] {
    CHECK_THROWS_WITH(launch({1}, {64},
                             [] {
                               if (threadIdx.x < 40) __syncthreads();
                             }),
                      Contains("of 64, 24 ended, 40 are at a barrier"));
    CHECK_THROWS_WITH(launch({1}, {64}, wait_at_two_barriers), Contains("two barriers"));
  });
}

TEST_CASE("a shuffle of lanes that do not take part in it is a fault", "[unit]") {
  in_both_orders([] {
    CHECK_THROWS_WITH(launch({1}, {32},
                             [] {
                               if (threadIdx.x != 7) warp_sum(0xffffffffU);
                             }),
                      Contains("1 ended, 0 are at a barrier, 31 in a shuffle"));
    CHECK_THROWS_WITH(launch({1}, {40}, [] { warp_sum(0xffffffffU); }), Contains("names lanes"));
    CHECK_THROWS_WITH(launch({1}, {8}, [] { warp_sum(0U); }), Contains("leaves out its caller"));
    CHECK_THROWS_WITH(launch({1}, {16}, [] { warp_sum(0x0000ffffU); }), Contains("reads lane 16"));
    CHECK_THROWS_WITH(launch({1}, {32}, take_two_shuffles), Contains("two shuffles"));
  });
}

TEST_CASE("vectors are read and written as they lie in memory", "[unit]") {
  Floats floats(8);
  launch({1}, {2}, [&] {
    write(reinterpret_cast<uint4*>(floats.at(4 * threadIdx.x)), {1, 2, 3, threadIdx.x});
  });
  launch({1}, {8}, [&] {
    const unsigned i = threadIdx.x;
    const unsigned expected = i % 4 == 3 ? i / 4 : i % 4 + 1;
    REQUIRE(read(reinterpret_cast<unsigned*>(floats.at(i))) == expected);
  });
}

TEST_CASE("accesses that are misaligned or out of bounds are faults", "[unit]") {
  const auto reads = [](std::size_t count, std::size_t offset, std::size_t from) {
    Floats floats(count, offset);
    launch({1}, {1}, [&] { read(reinterpret_cast<uint4*>(floats.at(from))); });
  };
  const auto writes = [](std::size_t count, std::size_t offset, std::size_t to) {
    Floats floats(count, offset);
    launch({1}, {1}, [&] { write(reinterpret_cast<uint2*>(floats.at(to)), {1, 2}); });
  };
  CHECK_NOTHROW(reads(8, 0, 4));
  CHECK_NOTHROW(reads(8, 16, 4));
  CHECK_THROWS_WITH(reads(8, 0, 2), Contains("reads 16 bytes at an address that is no multiple"));
  CHECK_THROWS_WITH(reads(8, 4, 0), Contains("no multiple"));
  CHECK_THROWS_WITH(reads(7, 0, 4), Contains("reads 16 bytes from byte 16 of 28"));
  CHECK_THROWS_WITH(reads(4, 0, 4), Contains("reads 16 bytes outside of all memory"));
  CHECK_NOTHROW(writes(8, 0, 6));
  CHECK_NOTHROW(writes(8, 8, 2));
  CHECK_THROWS_WITH(writes(8, 0, 1), Contains("writes 8 bytes at an address that is no multiple"));
  CHECK_THROWS_WITH(writes(8, 4, 0), Contains("no multiple"));
  CHECK_THROWS_WITH(writes(7, 0, 6), Contains("writes 8 bytes from byte 24 of 28"));
}

TEST_CASE("memory that two threads access, one of them writing, is a fault", "[unit]") {
  in_both_orders([] {
    Floats floats(64);
    const auto shared = [&](unsigned a, unsigned b, bool both_write) {
      launch({2}, {32}, [&] {
        if (blockIdx.x == 0 && threadIdx.x == a) write(floats.at(5), 1.0F);
        if (blockIdx.x == 1 && threadIdx.x == b) {
          if (both_write)
            write(floats.at(5), 1.0F);
          else
            read(floats.at(5));
        }
      });
    };
    CHECK_THROWS_WITH(shared(3, 3, true), Contains("two threads access byte 20 of 256"));
    CHECK_THROWS_WITH(shared(3, 4, false), Contains("two threads"));
    CHECK_THROWS_WITH(launch({1}, {32},
                             [&] {
                               read(floats.at(5));
                               if (threadIdx.x == 31) write(floats.at(5), 1.0F);
                             }),
                      Contains("two threads"));
    // A thread's own writes, reads by several, and grids after one another.
    CHECK_NOTHROW(launch({1}, {32}, [&] {
      read(floats.at(63));
      write(floats.at(threadIdx.x), 2.0F);
      REQUIRE(read(floats.at(threadIdx.x)) == 2.0F);
    }));
    CHECK_NOTHROW(launch({1}, {1}, [&] { write(floats.at(63), 1.0F); }));
  });
}

TEST_CASE("grids and blocks that no device starts are faults", "[unit]") {
  const auto start = [](Extent grid, Extent block) { launch(grid, block, [] {}); };
  CHECK_NOTHROW(start({1}, {1024}));
  CHECK_NOTHROW(start({2, 3}, {8, 16}));
  CHECK_THROWS_AS(start({1}, {1025}), Fault);
  CHECK_THROWS_AS(start({1}, {64, 32}), Fault);
  CHECK_THROWS_AS(start({1}, {0}), Fault);
  CHECK_THROWS_AS(start({0}, {32}), Fault);
  CHECK_THROWS_AS(start({1, 65536}, {32}), Fault);
}

TEST_CASE("kernels run again after a fault", "[unit]") {
  CHECK_THROWS_AS(launch({1}, {64},
                         [] {
                           if (threadIdx.x == 0) throw Fault("in the kernel");
                           __syncthreads();
                         }),
                  Fault);
  int ran = 0;
  launch({2}, {64}, [&] {
    __syncthreads();
    ++ran;
  });
  CHECK(ran == 128);
}

}  // namespace armorm::test::simt
