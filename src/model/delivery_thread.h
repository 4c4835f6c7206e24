// One thread that runs jobs in the order of posting.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace armorm::model {

class DeliveryThread {
 public:
  // A job that returns false or throws cancels all later ones.
  using Job = std::function<bool()>;

  DeliveryThread() : thread_([this] { work(); }) {}
  ~DeliveryThread() { close(); }
  DeliveryThread(const DeliveryThread&) = delete;
  DeliveryThread& operator=(const DeliveryThread&) = delete;

  // Waits until fewer than `limit` jobs are unfinished; false when no further jobs will run.
  bool wait_until_below(std::size_t limit) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || unfinished_ < limit; });
    return !stopped_;
  }

  void post(Job job) {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    jobs_.push_back(std::move(job));
    ++unfinished_;
    changed_.notify_all();
  }

  // Waits for the posted jobs; rethrows the exception of a job.
  void finish() {
    close();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void close() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }

  void work() {
    for (;;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return closed_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      const Job job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      const bool goes_on = run(job);
      lock.lock();
      --unfinished_;
      if (!goes_on) stop();
      changed_.notify_all();
    }
  }

  bool run(const Job& job) {
    try {
      return job();
    } catch (...) {
      failure_ = std::current_exception();
      return false;
    }
  }

  void stop() {
    stopped_ = true;
    jobs_.clear();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  std::size_t unfinished_ = 0;
  bool closed_ = false;
  bool stopped_ = false;
  std::exception_ptr failure_;  // set by the thread, read after it has ended
  std::thread thread_;          // last member: it uses the others
};

}  // namespace armorm::model
