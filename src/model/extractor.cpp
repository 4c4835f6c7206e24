#include "model/extractor.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>

#include "core/error.h"
#include "core/log.h"
#include "core/units.h"
#include "model/delivery_thread.h"
#include "model/out_of_memory.h"
#include "model/pack_plan.h"
#include "model/pass_lanes.h"
#include "model/streaming_plan.h"

namespace armorm::model {
namespace {

using Pack = std::span<const PlannedSequence>;

// On a CPU a pack only needs to keep the matrix products busy; larger packs exceed the caches.
constexpr std::int64_t kCpuBatchTokens = 2048;
constexpr std::int64_t kMaxDeviceBatchTokens = 131072;

// Live activations per token: the residual stream, the normalised input, q/k/v and the gate-up product with
// its activation, in two bytes (bf16) each, doubled for temporaries.
std::int64_t device_budget(const Backbone& backbone, std::uint64_t cache_bytes) {
  const ModelConfig& c = backbone.config();
  const std::int64_t qkv = (c.num_attention_heads + 2 * c.num_key_value_heads) * c.head_dim;
  const std::int64_t per_token = 2 * 2 * (3 * c.hidden_size + 2 * qkv + 3 * c.intermediate_size);
  const std::int64_t free = backbone.free_memory() - static_cast<std::int64_t>(cache_bytes);
  return std::clamp<std::int64_t>(free / per_token * 3 / 4, 2048, kMaxDeviceBatchTokens);
}

void check(std::span<const ExtractionRequest> requests) {
  for (std::size_t r = 0; r < requests.size(); ++r) {
    const auto n = static_cast<std::int64_t>(requests[r].tokens.size());
    if (n == 0) fail_internal("extraction request {} has no tokens", r);
    for (const std::int64_t position : requests[r].wanted)
      if (position < 0 || position >= n)
        fail_internal("extraction request {} wants token {} of {}", r, position, n);
    if (requests[r].cacheable < 0 || requests[r].cacheable > n)
      fail_internal("extraction request {} wants {} tokens of {} in the cache", r, requests[r].cacheable, n);
  }
}

// A pack in progress: submitted, then collected and given to the sink.
struct Pass {
  Pack pack;
  PackedBatch batch;
  std::optional<PendingRows> pending;
  ExtractionCursor after;
  std::vector<float> rows = {};
  double busy_seconds = 0.0;
  // With a cache.
  std::vector<PrefixCache::Tokens> kept = {};  // by PackedBatch::keep
  std::int64_t cache_lookups = 0;
  std::int64_t cache_hits = 0;
  std::int64_t cached_tokens = 0;
};

// The packs of a sweep, in order.
struct SweptPasses {
  std::vector<std::shared_ptr<Pass>> passes;
};

// One call of Extractor::run. The caller's thread lays packs out and submits them; a second thread collects
// their rows and delivers them, so that the device always has the next pack before it finishes the current
// one.
class Run {
 public:
  Run(const Backbone& backbone, std::span<const ExtractionRequest> requests, const Extractor::Sink& sink,
      const Extractor::AfterPass& after_pass, std::int64_t max_blocks, PrefixCache* cache)
      : backbone_(backbone),
        requests_(requests),
        sink_(sink),
        after_pass_(after_pass),
        max_blocks_(max_blocks),
        cache_(cache) {}

  // Halves `budget` when it does not fit the device.
  void go(Pack sequences, std::size_t first, std::int64_t& budget) {
    // Waits for the next pass to be submitted: that settles the budget with which a later run resumes.
    std::shared_ptr<Pass> submitted;
    DeliveryThread deliveries;
    const auto deliver_submitted = [&] {
      if (!submitted) return;
      submitted->after = {first, budget};
      deliveries.post([this, pass = std::move(submitted)] { return deliver(*pass); });
    };
    while (first < sequences.size()) {
      std::size_t next = first;
      std::shared_ptr<Pass> pass = plan_pass(sequences, next, budget);
      if (!deliveries.wait_until_below(kUndelivered)) break;
      if (!submit(*pass, budget)) continue;
      add_to_cache(*pass);
      deliver_submitted();
      first = next;
      submitted = std::move(pass);
    }
    deliver_submitted();
    deliveries.finish();
  }

  // The same on several devices: each takes the next pass when it is free. Devices that fail leave `devices`.
  void go_on_several(std::vector<const Backbone*>& devices, Pack sequences, std::size_t first,
                     std::int64_t& budget) {
    for (bool goes_on = true; goes_on;) {
      std::size_t planned = first;
      const auto next = [&] { return plan_pass(sequences, planned, budget); };
      const auto hand_over_next = [&](Pass& pass) {
        first = pass.after.next_sequence;
        return hand_over(pass);
      };
      const auto failed = PassLanes<Pass>(lanes_of(devices)).run(next, hand_over_next);
      if (!failed) return;
      handle(*failed, *failed->pass, devices, budget);
      if (!failed->before) continue;
      failed->before->after.budget = budget;
      goes_on = hand_over_next(*failed->before);
    }
  }

  // The same with layers that are streamed: one sweep over them after another.
  void sweep(Pack sequences, std::size_t first, std::int64_t& budget, SweepSize size) {
    DeliveryThread deliveries;
    for (std::int64_t number = 1; first < sequences.size(); ++number) {
      const Passes passes = next_sweep(sequences, first, budget, size.tokens());
      if (!sweep_once(passes, budget, number, size)) continue;
      if (!deliveries.wait_until_below(1)) break;  // those of the sweep before
      first = passes.back()->after.next_sequence;
      for (const std::shared_ptr<Pass>& pass : passes)
        deliveries.post([this, pass] { return deliver(*pass); });
    }
    deliveries.finish();
  }

  // The same on several devices: each takes the next sweep when it is free.
  void sweep_on_several(std::vector<const Backbone*>& devices, Pack sequences, std::size_t first,
                        std::int64_t& budget, SweepSize size) {
    for (bool goes_on = true; goes_on;) {
      std::size_t planned = first;
      const auto next = [&]() -> std::shared_ptr<SweptPasses> {
        Passes passes = next_sweep(sequences, planned, budget, tokens_of(size));
        if (passes.empty()) return nullptr;
        planned = passes.back()->after.next_sequence;
        return std::make_shared<SweptPasses>(SweptPasses{std::move(passes)});
      };
      const auto hand_over_all = [&](SweptPasses& swept) {
        for (const std::shared_ptr<Pass>& pass : swept.passes) {
          first = pass->after.next_sequence;
          if (!hand_over(*pass)) return false;
        }
        return true;
      };
      const auto failed = PassLanes<SweptPasses>(sweeping_lanes_of(devices, size)).run(next, hand_over_all);
      if (!failed) return;
      handle(*failed, *failed->pass->passes.front(), devices, budget);
      if (!failed->before) continue;
      failed->before->passes.back()->after.budget = budget;
      goes_on = hand_over_all(*failed->before);
    }
  }

  const ExtractionStats& stats() const { return stats_; }

 private:
  using Passes = std::vector<std::shared_ptr<Pass>>;

  // Null after the last one.
  std::shared_ptr<Pass> plan_pass(Pack sequences, std::size_t& first, std::int64_t budget) const {
    if (first == sequences.size()) return nullptr;
    auto pass = std::make_shared<Pass>();
    if (cache_ != nullptr)
      plan_cached(sequences.subspan(first), budget, *pass);
    else
      plan_uncached(sequences.subspan(first), budget, *pass);
    first += pass->pack.size();
    pass->after = {first, budget};
    return pass;
  }

  void plan_uncached(Pack sequences, std::int64_t budget, Pass& pass) const {
    pass.pack = first_pack(sequences, budget, max_blocks_);
    pass.batch = lay_out(pass.pack, requests_);
  }

  void plan_cached(Pack sequences, std::int64_t budget, Pass& pass) const {
    const CachedPack pack = first_cached_pack(sequences, budget, max_blocks_, *cache_);
    CachedLayout layout = lay_out(pack, requests_, *cache_);
    pass.pack = pack.sequences;
    pass.batch = std::move(layout.batch);
    pass.kept = std::move(layout.kept);
    pass.cache_lookups = std::ssize(pack.sequences);
    pass.cache_hits = pack.hits;
    pass.cached_tokens = pack.cached_tokens;
  }

  // After it was submitted: what fails before leaves the cache as it is.
  void add_to_cache(Pass& pass) const {
    if (cache_ == nullptr) return;
    auto rows = pass.pending->take_kept();
    for (std::size_t i = 0; i < rows.size(); ++i) cache_->insert(pass.kept[i], std::move(rows[i]));
    pass.batch.cached.clear();  // rows that were evicted are freed now
  }

  // Packs until they have as many tokens, at least one.
  Passes next_sweep(Pack sequences, std::size_t first, std::int64_t budget, std::int64_t wanted) const {
    Passes passes;
    for (std::int64_t tokens = 0; first < sequences.size() && tokens < wanted;) {
      passes.push_back(plan_pass(sequences, first, budget));
      tokens += std::ssize(passes.back()->batch.tokens);
    }
    return passes;
  }

  static std::vector<PassLane<Pass>> lanes_of(const std::vector<const Backbone*>& devices) {
    std::vector<PassLane<Pass>> lanes;
    for (const Backbone* device : devices)
      lanes.push_back({device->device_name(),
                       [device](Pass& pass) { pass.pending = device->submit(pass.batch); },
                       [device](Pass& pass) { collect(*device, pass); }});
    return lanes;
  }

  std::int64_t tokens_of(const SweepSize& size) {
    const std::lock_guard lock(size_mutex_);
    return size.tokens();
  }

  std::vector<PassLane<SweptPasses>> sweeping_lanes_of(const std::vector<const Backbone*>& devices,
                                                       SweepSize& size) {
    std::vector<PassLane<SweptPasses>> lanes;
    for (const Backbone* device : devices)
      lanes.push_back({device->device_name(), [](SweptPasses&) {},
                       [this, device, &size](SweptPasses& swept) {
                         run_sweep(*device, swept.passes, ++sweeps_, size);
                         for (const std::shared_ptr<Pass>& pass : swept.passes) collect(*device, *pass);
                       },
                       /*ahead=*/false});
    return lanes;
  }

  // Rethrows what is no failure of the device, and the failure of the last one. `pass`: the first one that it
  // could not compute.
  template <class Work>
  void handle(const FailedPass<Work>& failed, const Pass& pass, std::vector<const Backbone*>& devices,
              std::int64_t& budget) const {
    try {
      std::rethrow_exception(failed.error);
    } catch (const Error&) {
      throw;
    } catch (const c10::Error& error) {
      if (is_out_of_memory(error)) return halve(pass, budget);
      leave_out(failed.lane, error.what_without_backtrace(), devices);
    } catch (const std::exception& error) {
      leave_out(failed.lane, error.what(), devices);
    }
  }

  static void leave_out(std::size_t lane, const char* reason, std::vector<const Backbone*>& devices) {
    if (devices.size() == 1) throw;
    log::warn("{} failed: {}; it is left out, and the other devices continue", devices[lane]->device_name(),
              reason);
    devices.erase(devices.begin() + static_cast<std::ptrdiff_t>(lane));
  }

  // false: memory ran out, and the next sweep is one of smaller packs, as far as it has to be.
  bool sweep_once(const Passes& passes, std::int64_t& budget, std::int64_t number, SweepSize& size) {
    try {
      run_sweep(backbone_, passes, number, size);
      return true;
    } catch (const c10::Error& error) {
      if (!is_out_of_memory(error)) throw;
      halve(*passes.front(), budget);
      return false;
    }
  }

  void run_sweep(const Backbone& backbone, const Passes& passes, std::int64_t number, SweepSize& size) {
    std::vector<const PackedBatch*> packs;
    std::int64_t tokens = 0;
    for (const std::shared_ptr<Pass>& pass : passes) {
      packs.push_back(&pass->batch);
      tokens += std::ssize(pass->batch.tokens);
    }
    Backbone::Sweep swept = backbone.sweep(packs);
    for (std::size_t i = 0; i < passes.size(); ++i) passes[i]->pending = std::move(swept.rows[i]);
    if (!backbone.streams()) return;  // one of several whose layers all stay
    log::info("sweep {}: {} packs, {} tokens in {:.1f} s, of which {:.1f} s waited for layers", number,
              packs.size(), tokens, swept.seconds, swept.waited);
    const std::lock_guard lock(size_mutex_);
    size.adapt(tokens, swept.seconds, swept.loading);
  }

  // Passes whose rows wait for the sink, in addition to the one or two on the device.
  static constexpr std::size_t kUndelivered = 2;

  bool submit(Pass& pass, std::int64_t& budget) const {
    try {
      pass.pending = backbone_.submit(pass.batch);
      return true;
    } catch (const c10::Error& error) {
      if (!is_out_of_memory(error)) throw;
      if (!empty_cache()) halve(pass, budget);
      return false;
    }
  }

  // false: it holds nothing.
  bool empty_cache() const {
    if (cache_ == nullptr || cache_->entries() == 0) return false;
    log::warn("out of memory on {}: {} of kept prompts are dropped", backbone_.device_name(),
              bytes_text(cache_->bytes()));
    cache_->clear();
    return true;
  }

  // After `pass` did not fit the memory.
  void halve(const Pass& pass, std::int64_t& budget) const {
    if (pass.pack.size() == 1)
      fail_internal(
          "a sequence of {} tokens does not fit the memory of {}; leave out longer ones (`seq_len`, "
          "`max_length`), or use a device with more memory",
          pass.pack.front().tokens.size(), backbone_.device_name());
    budget = std::ssize(pass.batch.tokens) / 2;
    log::warn("out of memory on {}: continuing with packs of {} tokens", backbone_.device_name(), budget);
  }

  bool deliver(Pass& pass) {
    collect(backbone_, pass);
    return hand_over(pass);
  }

  static void collect(const Backbone& backbone, Pass& pass) {
    const std::int64_t hidden_size = backbone.config().hidden_size;
    pass.rows.resize(pass.batch.wanted.size() * static_cast<std::size_t>(hidden_size));
    pass.busy_seconds = backbone.collect(std::move(*pass.pending),
                                         {pass.rows.data(), std::ssize(pass.batch.wanted), hidden_size});
  }

  bool hand_over(const Pass& pass) {
    stats_.busy_seconds += pass.busy_seconds;
    stats_.computed_tokens += std::ssize(pass.batch.tokens);
    stats_.cached_tokens += pass.cached_tokens;
    stats_.cache_lookups += pass.cache_lookups;
    stats_.cache_hits += pass.cache_hits;
    ++stats_.passes;
    give_to_sink(pass.pack,
                 {pass.rows.data(), std::ssize(pass.batch.wanted), backbone_.config().hidden_size});
    return !after_pass_ || after_pass_(pass.after);
  }

  void give_to_sink(Pack pack, MatrixView<const float> rows) {
    std::int64_t row = 0;
    for (const PlannedSequence& sequence : pack) {
      const auto length = std::ssize(sequence.tokens);
      stats_.distinct_tokens += length;
      for (const std::size_t r : sequence.requests) {
        const auto n = std::ssize(requests_[r].wanted);
        sink_(r, {rows.data + row * rows.row_stride, n, rows.cols, rows.row_stride});
        row += n;
        ++stats_.requests;
        stats_.input_tokens += length;
      }
    }
  }

  const Backbone& backbone_;
  std::span<const ExtractionRequest> requests_;
  const Extractor::Sink& sink_;
  const Extractor::AfterPass& after_pass_;
  std::int64_t max_blocks_;
  PrefixCache* cache_;     // null: none
  std::mutex size_mutex_;  // of the sweeps' size, on several devices
  std::atomic<std::int64_t> sweeps_ = 0;
  // Used by the delivery thread until it ends.
  ExtractionStats stats_;
};

// Of the device that can take least.
SweepSize sweep_size(const std::vector<const Backbone*>& devices) {
  std::int64_t most = devices.front()->most_sweep_tokens();
  for (const Backbone* device : devices) most = std::min(most, device->most_sweep_tokens());
  return SweepSize(devices.front()->config(), most);
}

// null: none is used.
std::unique_ptr<PrefixCache> make_cache(const std::vector<const Backbone*>& backbones,
                                        const ExtractorOptions& options) {
  const Backbone& backbone = *backbones.front();
  const bool possible = options.share_prefixes && backbones.size() == 1 && !backbone.streams();
  if (options.prefix_cache_bytes == 0 || !possible) return nullptr;
  return std::make_unique<PrefixCache>(options.prefix_cache_bytes, backbone.prefix_bytes_per_token());
}

double ratio(double part, double total) { return total > 0.0 ? part / total : 0.0; }

}  // namespace

Extractor::Extractor(std::vector<const Backbone*> backbones, const ExtractorOptions& options)
    : backbones_(std::move(backbones)),
      options_(options),
      budget_(options.batch_tokens),
      max_blocks_(max_pack_blocks(backbones_.front()->device_name() == "cpu")) {
  const std::string_view obstacle = backbones_.front()->why_no_shared_prefixes();
  if (options_.share_prefixes && !obstacle.empty()) {
    log::info("common prefixes are computed for each sequence: {}", obstacle);
    options_.share_prefixes = false;
  }
  cache_ = make_cache(backbones_, options_);
  if (budget_ > 0) return;
  budget_ = kMaxDeviceBatchTokens;
  for (const Backbone* backbone : backbones_)
    budget_ = std::min(budget_, backbone->device_name() == "cpu"
                                    ? kCpuBatchTokens
                                    : device_budget(*backbone, cache_ ? cache_->max_bytes() : 0));
}

double ExtractionStats::sharing_ratio() const {
  return ratio(static_cast<double>(input_tokens), static_cast<double>(computed_tokens));
}

double ExtractionStats::busy_fraction() const { return ratio(busy_seconds, seconds); }

ExtractionStats Extractor::run(std::span<const ExtractionRequest> requests, const Sink& sink,
                               const ExtractionCursor& start_at, const AfterPass& after_pass) {
  check(requests);
  if (start_at.budget > 0) budget_ = start_at.budget;
  const auto start = std::chrono::steady_clock::now();
  const std::vector<PlannedSequence> sequences =
      plan_sequences(requests, options_.share_prefixes, max_blocks_);
  if (start_at.next_sequence > sequences.size())
    fail_internal("an extraction of {} sequences cannot resume at sequence {}", sequences.size(),
                  start_at.next_sequence);
  const Backbone& backbone = *backbones_.front();
  const auto devices = static_cast<double>(backbones_.size());
  Run run(backbone, requests, sink, after_pass, max_blocks_, cache_.get());
  const bool streams = std::any_of(backbones_.begin(), backbones_.end(),
                                   [](const Backbone* device) { return device->streams(); });
  if (streams && backbones_.size() > 1)
    run.sweep_on_several(backbones_, sequences, start_at.next_sequence, budget_, sweep_size(backbones_));
  else if (backbones_.size() > 1)
    run.go_on_several(backbones_, sequences, start_at.next_sequence, budget_);
  else if (streams)
    run.sweep(sequences, start_at.next_sequence, budget_, sweep_size(backbones_));
  else
    run.go(sequences, start_at.next_sequence, budget_);
  ExtractionStats stats = run.stats();
  stats.busy_seconds /= devices;
  stats.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return stats;
}

}  // namespace armorm::model
