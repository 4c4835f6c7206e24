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
  if (failure_) std::rethrow_exception(failure_);
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

void StreamedLayers::with(std::size_t layer, const std::function<void(const LayerWeights&)>& use) {
  if (!contains(layer)) fail_internal("layer {} is not streamed", layer);
  for (bool found = false; !found;) {
    std::size_t got = 0;
    std::exception_ptr failure;
    {
      const Ready ready = next();
      got = ready.layer;
      found = got == layer;
      try {
        if (found) use(ready.weights);
      } catch (...) {
        failure = std::current_exception();
      }
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
  try {
    load_all();
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
    changed_.notify_all();
  }
}

void StreamedLayers::load_all() {
  const c10::InferenceMode no_gradients;
  const StopScope until_closed([this] { return closing_.load(); });
  compute_on_this_thread_alone();  // the others have the products of the present layer
  for (std::size_t i = 0;; i = (i + 1) % layers_.size()) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return closing_ || in_memory_ < kInMemory; });
      if (closing_) return;
      ++in_memory_;
    }
    const auto begin = Clock::now();
    for (const auto& bytes : source_.mapped[layers_[i]]) io::read_pages_ahead(bytes);
    Ready ready{layers_[i], source_.load(layers_[i])};
    const std::lock_guard lock(mutex_);
    times_.loading += seconds_since(begin);
    ready_.push_back(std::move(ready));
    changed_.notify_all();
  }
}

}  // namespace armorm::model
