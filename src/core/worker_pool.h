// A thread pool for numbered tasks, for loops of a few milliseconds in which starting threads would cost too
// much.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "armorm/stop.h"

namespace armorm {

// run() is not reentrant; one caller at a time.
class WorkerPool {
 public:
  explicit WorkerPool(int n_threads);  // the caller counts as one of them; <= 0: one per core
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  int n_threads() const noexcept { return static_cast<int>(threads_.size()) + 1; }
  // Calls task(0) ... task(n_tasks - 1), each once, from any thread and in any order. Rethrows the first
  // exception. The stop points of a task ask the request of the calling thread.
  void run(std::int64_t n_tasks, const std::function<void(std::int64_t)>& task);

 private:
  void work();
  void drain();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  const std::function<void(std::int64_t)>* task_ = nullptr;
  const StopRequested* stop_request_ = nullptr;  // of the caller of run()
  std::int64_t n_tasks_ = 0;
  std::atomic<std::int64_t> next_{0};
  std::uint64_t generation_ = 0;
  std::size_t busy_ = 0;
  bool stop_ = false;
  std::exception_ptr error_;
  std::vector<std::thread> threads_;
};

}  // namespace armorm
