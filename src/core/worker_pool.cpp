#include "core/worker_pool.h"

#include <utility>

#include "core/parallel.h"
#include "core/stop_point.h"

namespace armorm {

WorkerPool::WorkerPool(int n_threads) {
  const int wanted = thread_count(n_threads);
  for (int i = 1; i < wanted; ++i) threads_.emplace_back([this] { work(); });
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::run(std::int64_t n_tasks, const std::function<void(std::int64_t)>& task) {
  {
    const std::lock_guard lock(mutex_);
    task_ = &task;
    stop_request_ = StopScope::of_this_thread();
    n_tasks_ = n_tasks;
    next_ = 0;
    busy_ = threads_.size();
    ++generation_;
  }
  wake_.notify_all();
  drain();
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return busy_ == 0; });
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void WorkerPool::work() {
  std::uint64_t seen = 0;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stop_ || generation_ != seen; });
      if (stop_) return;
      seen = generation_;
    }
    drain();
    const std::lock_guard lock(mutex_);
    if (--busy_ == 0) done_.notify_one();
  }
}

void WorkerPool::drain() {
  const StopScope scope(stop_request_);
  try {
    for (std::int64_t i = next_++; i < n_tasks_; i = next_++) (*task_)(i);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
    next_ = n_tasks_;
  }
}

}  // namespace armorm
