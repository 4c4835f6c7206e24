#include "core/parallel.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/worker_pool.h"
#include "support/test_support.h"

using namespace armorm;

namespace {

std::vector<std::atomic<int>> counts_of(std::int64_t n, const auto& loop) {
  std::vector<std::atomic<int>> counts(static_cast<std::size_t>(n));
  loop(n, [&](std::int64_t i) { ++counts[static_cast<std::size_t>(i)]; });
  return counts;
}

}  // namespace

TEST_CASE("a parallel loop calls its body once for each index", "[unit]") {
  for (const int threads : {-1, 0, 1, 2, 7})
    for (const std::int64_t n : {0, 1, 2, 5, 1000}) {
      const auto counts =
          counts_of(n, [&](std::int64_t total, const auto& body) { parallel_for(total, threads, body); });
      for (const auto& count : counts) CHECK(count == 1);
    }
}

TEST_CASE("a worker pool runs one loop after another", "[unit]") {
  WorkerPool pool(3);
  CHECK(pool.n_threads() == 3);
  for (int round = 0; round < 200; ++round) {
    const auto counts =
        counts_of(round, [&](std::int64_t total, const auto& body) { pool.run(total, body); });
    for (const auto& count : counts) REQUIRE(count == 1);
  }
}

TEST_CASE("the first exception ends a parallel loop, and the pool stays usable", "[unit]") {
  const auto fails_at_3 = [](std::int64_t i) {
    if (i == 3) throw std::runtime_error("three");
  };
  CHECK_THROWS_WITH(parallel_for(100, 4, fails_at_3), "three");
  CHECK_THROWS_WITH(parallel_for(100, 1, fails_at_3), "three");
  WorkerPool pool(2);
  CHECK_THROWS_WITH(pool.run(100, fails_at_3), "three");
  std::atomic<int> done{0};
  pool.run(10, [&](std::int64_t) { ++done; });
  CHECK(done == 10);
}

TEST_CASE("an exception leaves out what has not begun", "[unit]") {
  std::atomic<int> begun{0};
  CHECK_THROWS_AS(parallel_for(1000, 1,
                               [&](std::int64_t i) {
                                 ++begun;
                                 if (i == 4) throw std::runtime_error("four");
                               }),
                  std::runtime_error);
  CHECK(begun == 5);
}

TEST_CASE("the default number of threads is that of OMP_NUM_THREADS, if it names one", "[unit]") {
  const char* given = std::getenv("OMP_NUM_THREADS");
  const std::string before = given == nullptr ? "" : given;
  unsetenv("OMP_NUM_THREADS");
  const int own = default_thread_count();
  CHECK(own >= 1);
  const auto with = [](const char* value) {
    setenv("OMP_NUM_THREADS", value, 1);
    return default_thread_count();
  };
  CHECK(with("3") == 3);
  CHECK(with(" 5 , 2") == 5);
  CHECK(thread_count(0) == 5);
  CHECK(thread_count(2) == 2);
  for (const char* unusable : {"", "0", "-2", "many", "3x", "99999999999"}) CHECK(with(unusable) == own);
  unsetenv("OMP_NUM_THREADS");
  if (given != nullptr) setenv("OMP_NUM_THREADS", before.c_str(), 1);
}
