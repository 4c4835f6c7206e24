#include "model/streamed_layers.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/error.h"
#include "core/stop_point.h"
#include "io/mapped_pages.h"
#include "model/compute_threads.h"

namespace armorm::model {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kInMemory = 2;
constexpr std::chrono::milliseconds kStopPeriod(100);

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace

StreamedLayers::StreamedLayers(std::vector<std::size_t> layers, LayerSource source)
    : layers_(std::move(layers)), source_(std::move(source)), thread_([this] { work(); }) {}

StreamedLayers::~StreamedLayers() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

bool StreamedLayers::contains(std::size_t layer) const {
  return std::binary_search(layers_.begin(), layers_.end(), layer);
}

StreamedLayers::Ready StreamedLayers::next() {
  const auto begin = Clock::now();
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, kStopPeriod, [&] { return failure_ || !ready_.empty(); })) stop_point();
  times_.waited += seconds_since(begin);
  if (ready_.empty()) {
    changed_.notify_all();
    std::rethrow_exception(std::exchange(failure_, nullptr));
  }
  Ready layer = std::move(ready_.front());
  ready_.pop_front();
  return layer;
}

// Call once the weights are destroyed.
void StreamedLayers::give_back(std::size_t layer) {
  for (const auto& bytes : source_.mapped[layer]) io::give_back_pages(bytes);
  const std::lock_guard lock(mutex_);
  --in_memory_;
  changed_.notify_all();
}

std::exception_ptr StreamedLayers::try_use(const Ready& ready,
                                           const std::function<void(const LayerWeights&)>& use) const {
  std::exception_ptr failure;
  try {
    use(ready.weights);
  } catch (...) {
    failure = std::current_exception();
  }
  try {
    source_.finish_use();
  } catch (...) {
    if (!failure) failure = std::current_exception();
  }
  return failure;
}

void StreamedLayers::with(std::size_t layer, const std::function<void(const LayerWeights&)>& use) {
  if (!contains(layer)) fail_internal("layer {} is not streamed", layer);
  for (bool found = false; !found;) {
    std::size_t got = 0;
    std::exception_ptr failure;
    {
      const Ready ready = next();
      got = ready.layer;
      found = got == layer;
      if (found) failure = try_use(ready, use);
    }
    give_back(got);
    if (failure) std::rethrow_exception(failure);
  }
}

StreamedLayers::Times StreamedLayers::take_times() {
  const std::lock_guard lock(mutex_);
  return std::exchange(times_, {});
}

void StreamedLayers::work() {
  const c10::InferenceMode no_gradients;
  const StopScope until_closed([this] { return closing_.load(); });
  if (source_.single_threaded) compute_on_this_thread_alone();
  for (std::size_t i = 0; wait_for_buffer(); i = (i + 1) % layers_.size())
    while (!load(layers_[i]))
      if (!wait_until_rethrown()) return;
}

// false: closing.
bool StreamedLayers::wait_for_buffer() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return closing_ || in_memory_ < kInMemory; });
  if (closing_) return false;
  ++in_memory_;
  return true;
}

bool StreamedLayers::load(std::size_t layer) {
  try {
    const auto begin = Clock::now();
    for (const auto& bytes : source_.mapped[layer]) io::read_pages_ahead(bytes);
    Ready ready{layer, source_.load(layer)};
    const std::lock_guard lock(mutex_);
    times_.loading += seconds_since(begin);
    ready_.push_back(std::move(ready));
    changed_.notify_all();
    return true;
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
    changed_.notify_all();
    return false;
  }
}

// false: closing.
bool StreamedLayers::wait_until_rethrown() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return closing_ || !failure_; });
  return !closing_;
}

}  // namespace armorm::model
