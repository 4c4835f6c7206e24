// Layers that do not stay in memory: a thread prepares the next one from the mapped files while the caller
// computes with the present one.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "model/weights.h"

namespace armorm::model {

// What the layers come from.
struct LayerSource {
  std::function<LayerWeights(std::size_t layer)> load;  // called by the thread
  // The mapped bytes of each layer: read ahead before it is loaded, given back after its use.
  std::vector<std::vector<std::span<const std::byte>>> mapped;  // by layer
  // Waits until a device no longer uses a layer that was enqueued. Called by the user's thread before the
  // weights are destroyed, after an error too.
  std::function<void()> finish_use = [] {};
  bool single_threaded = true;  // loading leaves the other threads to the products of the present layer
};

// At most two layers are in memory: the one in use, and the next one or what is ready of it.
class StreamedLayers {
 public:
  // `layers`: ascending, not empty. They are loaded in this order, again and again.
  StreamedLayers(std::vector<std::size_t> layers, LayerSource source);
  ~StreamedLayers();
  StreamedLayers(const StreamedLayers&) = delete;
  StreamedLayers& operator=(const StreamedLayers&) = delete;

  bool contains(std::size_t layer) const;
  // Calls use(weights) once the layer is ready; it must not keep them. Rethrows what loading threw; the layer
  // is then loaded again, because memory may have become free. Layers before it in the order, which an
  // earlier user left out, are dropped.
  void with(std::size_t layer, const std::function<void(const LayerWeights&)>& use);

  // Since the last call: seconds in which the caller waited, and in which the thread loaded.
  struct Times {
    double waited = 0.0;
    double loading = 0.0;
  };
  Times take_times();

 private:
  struct Ready {
    std::size_t layer = 0;
    LayerWeights weights;
  };
  Ready next();
  std::exception_ptr try_use(const Ready& ready, const std::function<void(const LayerWeights&)>& use) const;
  void give_back(std::size_t layer);
  void work();
  bool wait_for_buffer();
  bool load(std::size_t layer);
  bool wait_until_rethrown();

  const std::vector<std::size_t> layers_;
  const LayerSource source_;
  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  std::deque<Ready> ready_;
  std::size_t in_memory_ = 0;
  Times times_;
  std::exception_ptr failure_;
  std::atomic<bool> closing_ = false;
  std::thread thread_;  // last member: it uses the others
};

}  // namespace armorm::model
