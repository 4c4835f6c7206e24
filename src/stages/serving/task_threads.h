// A few threads that run tasks in order of arrival.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace armorm::stages::serving {

class TaskThreads {
 public:
  explicit TaskThreads(int n_threads);  // >= 1
  ~TaskThreads();                       // runs what was posted, then ends
  TaskThreads(const TaskThreads&) = delete;
  TaskThreads& operator=(const TaskThreads&) = delete;

  // Thread-safe. An exception of a task is logged.
  void post(std::function<void()> task);

 private:
  void work();
  bool next(std::function<void()>& task);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;  // guarded by mutex_
  bool stopping_ = false;                    // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace armorm::stages::serving
