#include "stages/serving/task_threads.h"

#include <exception>
#include <utility>

#include "core/log.h"

namespace armorm::stages::serving {

TaskThreads::TaskThreads(int n_threads) {
  for (int i = 0; i < n_threads; ++i) threads_.emplace_back([this] { work(); });
}

TaskThreads::~TaskThreads() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void TaskThreads::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  changed_.notify_one();
}

void TaskThreads::work() {
  std::function<void()> task;
  while (next(task)) {
    try {
      task();
    } catch (const std::exception& error) {
      log::error("internal error: {}", error.what());
    }
    task = nullptr;  // what it holds is released before the wait
  }
}

bool TaskThreads::next(std::function<void()>& task) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
  if (tasks_.empty()) return false;
  task = std::move(tasks_.front());
  tasks_.pop_front();
  return true;
}

}  // namespace armorm::stages::serving
