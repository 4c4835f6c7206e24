#include "model/layer_sweep.h"

#include <chrono>
#include <utility>

#include "core/stop_point.h"
#include "model/device_work.h"

namespace armorm::model {
namespace {

class Timer {
 public:
  explicit Timer(double& seconds) : seconds_(seconds) {}
  ~Timer() { seconds_ += std::chrono::duration<double>(Clock::now() - begin_).count(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  double& seconds_;
  Clock::time_point begin_ = Clock::now();
};

class Sweep {
 public:
  Sweep(const Decoder& decoder, WaitingRows& waiting, std::vector<SweptPack>& packs)
      : decoder_(decoder), waiting_(waiting), packs_(packs), ropes_(packs.size()), pace_(decoder.device()) {
    for (std::size_t p = 0; p < packs.size(); ++p)
      if (packs[p].layout.wanted.numel() > 0) used_.push_back(p);
  }

  void begin() {
    for (const std::size_t p : used_) {
      const Timer timer(packs_[p].seconds);
      stop_point();
      PackState state = decoder_.begin(packs_[p].layout);
      packs_[p].layout.positions = {};  // in the table now
      packs_[p].layout.sequence_lengths = {};
      ropes_[p] = std::move(state.ropes);
      waiting_.put(p, std::move(state.residual));
    }
  }

  void run(std::size_t index, const LayerWeights& layer) {
    const bool last = index + 1 == decoder_.layers().size();
    for (const std::size_t p : used_) {
      const Timer timer(packs_[p].seconds);
      PackState state{ropes_[p], waiting_.take(p)};
      decoder_.run_layer(index, layer, packs_[p].layout, state);
      if (last)
        packs_[p].rows = std::move(state.normed.rows);
      else
        waiting_.put(p, std::move(state.residual));
      pace_.step();
    }
  }

 private:
  const Decoder& decoder_;
  WaitingRows& waiting_;
  std::vector<SweptPack>& packs_;
  std::vector<PackRopes> ropes_;
  std::vector<std::size_t> used_;  // packs with wanted rows
  DevicePace pace_;
};

}  // namespace

void sweep_layers(const Decoder& decoder, StreamedLayers& streamed, WaitingRows& waiting,
                  std::vector<SweptPack>& packs) {
  Sweep sweep(decoder, waiting, packs);
  sweep.begin();
  for (std::size_t i = 0; i < decoder.layers().size(); ++i) {
    if (streamed.contains(i)) {
      streamed.with(i, [&](const LayerWeights& layer) { sweep.run(i, layer); });
    } else {
      sweep.run(i, decoder.layers()[i]);
      wait_for(decoder.device());  // or its work counts as waiting for the next layer
    }
  }
}

}  // namespace armorm::model
