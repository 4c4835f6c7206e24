// Runs passes on several devices at a time and hands them over in the order in which they were planned.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/stop_point.h"

namespace armorm::model {

// A device. Both functions run on a thread of the lane and may throw.
template <class Pass>
struct PassLane {
  std::string name;
  std::function<void(Pass&)> submit;   // begins a pass; may return before it is computed
  std::function<void(Pass&)> collect;  // waits for the results; one pass at most is submitted meanwhile
  bool ahead = true;                   // false: none is, and the next pass is planned after the last one
};

// A pass that a lane could not compute.
template <class Pass>
struct FailedPass {
  std::shared_ptr<Pass> pass;
  std::exception_ptr error;
  std::size_t lane = 0;
  // The computed pass before it, which is not handed over yet: what follows it is decided by the failure.
  std::shared_ptr<Pass> before;
};

template <class Pass>
class PassLanes {
 public:
  // The next pass, or null after the last one. Called by one thread at a time.
  using Next = std::function<std::shared_ptr<Pass>()>;
  // Called by the thread of run(), in order, when the pass after it is computed too; false ends the run.
  using HandOver = std::function<bool(Pass&)>;

  explicit PassLanes(std::vector<PassLane<Pass>> lanes) : lanes_(std::move(lanes)) {}

  // Until there is no further pass, hand_over() returns false, or a lane fails. All passes before a failed
  // one are handed over, except the last; those after it are dropped. Rethrows what hand_over() and next()
  // throw.
  std::optional<FailedPass<Pass>> run(const Next& next, const HandOver& hand_over) {
    next_ = &next;
    const StopRequested stop = current_stop_request();
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < lanes_.size(); ++i)
      threads.emplace_back([this, i, &stop] {
        const StopScope scope(&stop);
        work(i);
      });
    const Ender ender{*this};  // before the threads are joined
    return deliver(hand_over);
  }

 private:
  enum class State { running, computed, failed };
  struct Slot {
    std::shared_ptr<Pass> pass;
    State state = State::running;
    std::exception_ptr error = {};
    std::size_t lane = 0;
  };
  struct Ender {
    PassLanes& lanes;
    ~Ender() {
      const std::lock_guard lock(lanes.mutex_);
      lanes.ended_ = true;
      lanes.changed_.notify_all();
    }
  };

  // Submitted, being computed, and computed passes that wait for an earlier one.
  std::size_t most_slots() const { return 4 * lanes_.size(); }

  // Each lane has the next pass submitted when it waits for the results of the last one.
  void work(std::size_t lane) {
    std::shared_ptr<Slot> ahead;
    const auto collect = [&] {
      if (ahead && attempt(lanes_[lane].collect, *ahead)) finish(*ahead, State::computed);
      ahead = nullptr;
    };
    for (bool more = true; more || ahead;) {
      if (!lanes_[lane].ahead) collect();
      std::shared_ptr<Slot> slot = more ? take(lane, ahead == nullptr, more) : nullptr;
      if (slot && !attempt(lanes_[lane].submit, *slot)) {
        slot = nullptr;
        more = false;
      }
      collect();
      ahead = std::move(slot);
    }
  }

  // Null when there is no pass now; `more` becomes false when there will be none.
  std::shared_ptr<Slot> take(std::size_t lane, bool may_wait, bool& more) {
    std::unique_lock lock(mutex_);
    while (!ended_ && slots_.size() >= most_slots()) {
      if (!may_wait) return nullptr;
      changed_.wait(lock);
    }
    std::shared_ptr<Pass> pass = ended_ ? nullptr : plan();
    if (!pass) {
      ended_ = true;
      more = false;
      changed_.notify_all();
      return nullptr;
    }
    slots_.push_back(std::make_shared<Slot>(Slot{.pass = std::move(pass), .lane = lane}));
    return slots_.back();
  }

  std::shared_ptr<Pass> plan() {
    try {
      return (*next_)();
    } catch (...) {
      planning_error_ = std::current_exception();
      return nullptr;
    }
  }

  bool attempt(const std::function<void(Pass&)>& step, Slot& slot) {
    try {
      step(*slot.pass);
      return true;
    } catch (...) {
      slot.error = std::current_exception();
    }
    finish(slot, State::failed);
    return false;
  }

  void finish(Slot& slot, State state) {
    const std::lock_guard lock(mutex_);
    slot.state = state;
    if (state == State::failed) ended_ = true;
    changed_.notify_all();
  }

  std::optional<FailedPass<Pass>> deliver(const HandOver& hand_over) {
    std::shared_ptr<Pass> before;
    for (;;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return slots_.empty() ? ended_ : slots_.front()->state != State::running; });
      const std::shared_ptr<Slot> front = slots_.empty() ? nullptr : slots_.front();
      if (front) slots_.pop_front();
      changed_.notify_all();
      lock.unlock();
      if (front && front->state == State::failed)
        return FailedPass<Pass>{front->pass, front->error, front->lane, before};
      if (before && !hand_over(*before)) return std::nullopt;
      if (!front) break;
      before = front->pass;
    }
    if (planning_error_) std::rethrow_exception(planning_error_);
    return std::nullopt;
  }

  std::vector<PassLane<Pass>> lanes_;
  const Next* next_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Slot>> slots_;  // in order
  bool ended_ = false;                       // no pass is planned any more
  std::exception_ptr planning_error_;
};

}  // namespace armorm::model
