#include "model/extractor.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include "core/error.h"
#include "core/log.h"
#include "model/delivery_thread.h"
#include "model/out_of_memory.h"
#include "model/pack_plan.h"
#include "model/streaming_plan.h"

namespace armorm::model {
namespace {

using Pack = std::span<const PlannedSequence>;

// On a CPU a pack only needs to keep the matrix products busy; larger packs exceed the caches.
constexpr std::int64_t kCpuBatchTokens = 2048;
constexpr std::int64_t kMaxDeviceBatchTokens = 131072;

// Live activations per token: the residual stream, the normalised input, q/k/v and the gate-up product with
// its activation, in two bytes (bf16) each, doubled for temporaries.
std::int64_t device_budget(const Backbone& backbone) {
  const ModelConfig& c = backbone.config();
  const std::int64_t qkv = (c.num_attention_heads + 2 * c.num_key_value_heads) * c.head_dim;
  const std::int64_t per_token = 2 * 2 * (3 * c.hidden_size + 2 * qkv + 3 * c.intermediate_size);
  return std::clamp<std::int64_t>(backbone.free_memory() / per_token * 3 / 4, 2048, kMaxDeviceBatchTokens);
}

void check(std::span<const ExtractionRequest> requests) {
  for (std::size_t r = 0; r < requests.size(); ++r) {
    const auto n = static_cast<std::int64_t>(requests[r].tokens.size());
    if (n == 0) fail_internal("extraction request {} has no tokens", r);
    for (const std::int64_t position : requests[r].wanted)
      if (position < 0 || position >= n)
        fail_internal("extraction request {} wants token {} of {}", r, position, n);
  }
}

// A pack in progress: submitted, then collected and given to the sink.
struct Pass {
  Pack pack;
  PackedBatch batch;
  std::optional<PendingRows> pending;
  ExtractionCursor after;
};

// One call of Extractor::run. The caller's thread lays packs out and submits them; a second thread collects
// their rows and delivers them, so that the device always has the next pack before it finishes the current
// one.
class Run {
 public:
  Run(const Backbone& backbone, std::span<const ExtractionRequest> requests, const Extractor::Sink& sink,
      const Extractor::AfterPass& after_pass, std::int64_t max_blocks)
      : backbone_(backbone),
        requests_(requests),
        sink_(sink),
        after_pass_(after_pass),
        max_blocks_(max_blocks) {}

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
      auto pass = std::make_shared<Pass>();
      pass->pack = first_pack(sequences.subspan(first), budget, max_blocks_);
      pass->batch = lay_out(pass->pack, requests_);
      if (!deliveries.wait_until_below(kUndelivered)) break;
      if (!submit(*pass, budget)) continue;
      deliver_submitted();
      first += pass->pack.size();
      submitted = std::move(pass);
    }
    deliver_submitted();
    deliveries.finish();
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

  const ExtractionStats& stats() const { return stats_; }

 private:
  using Passes = std::vector<std::shared_ptr<Pass>>;

  // Packs until they have as many tokens, at least one.
  Passes next_sweep(Pack sequences, std::size_t first, std::int64_t budget, std::int64_t wanted) const {
    Passes passes;
    for (std::int64_t tokens = 0; first < sequences.size() && tokens < wanted;) {
      auto pass = std::make_shared<Pass>();
      pass->pack = first_pack(sequences.subspan(first), budget, max_blocks_);
      pass->batch = lay_out(pass->pack, requests_);
      first += pass->pack.size();
      pass->after = {first, budget};
      tokens += std::ssize(pass->batch.tokens);
      passes.push_back(std::move(pass));
    }
    return passes;
  }

  // false: memory ran out, and the next sweep is one of smaller packs, as far as it has to be.
  bool sweep_once(const Passes& passes, std::int64_t& budget, std::int64_t number, SweepSize& size) const {
    std::vector<const PackedBatch*> packs;
    std::int64_t tokens = 0;
    for (const std::shared_ptr<Pass>& pass : passes) {
      packs.push_back(&pass->batch);
      tokens += std::ssize(pass->batch.tokens);
    }
    try {
      Backbone::Sweep swept = backbone_.sweep(packs);
      for (std::size_t i = 0; i < passes.size(); ++i) passes[i]->pending = std::move(swept.rows[i]);
      log::info("sweep {}: {} packs, {} tokens in {:.1f} s, of which {:.1f} s waited for layers", number,
                packs.size(), tokens, swept.seconds, swept.waited);
      size.adapt(tokens, swept.seconds, swept.loading);
      return true;
    } catch (const c10::Error& error) {
      if (!is_out_of_memory(error)) throw;
      halve(*passes.front(), budget);
      return false;
    }
  }

  // Passes whose rows wait for the sink, in addition to the one or two on the device.
  static constexpr std::size_t kUndelivered = 2;

  bool submit(Pass& pass, std::int64_t& budget) const {
    try {
      pass.pending = backbone_.submit(pass.batch);
      return true;
    } catch (const c10::Error& error) {
      if (!is_out_of_memory(error)) throw;
      halve(pass, budget);
      return false;
    }
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
    const std::int64_t hidden_size = backbone_.config().hidden_size;
    rows_.resize(pass.batch.wanted.size() * static_cast<std::size_t>(hidden_size));
    const MatrixView<float> rows(rows_.data(), std::ssize(pass.batch.wanted), hidden_size);
    stats_.busy_seconds += backbone_.collect(std::move(*pass.pending), rows);
    stats_.computed_tokens += std::ssize(pass.batch.tokens);
    ++stats_.passes;
    give_to_sink(pass.pack, rows);
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
  // Used by the delivery thread until it ends.
  ExtractionStats stats_;
  std::vector<float> rows_;
};

double ratio(double part, double total) { return total > 0.0 ? part / total : 0.0; }

}  // namespace

Extractor::Extractor(const Backbone& backbone, const ExtractorOptions& options)
    : backbone_(backbone),
      options_(options),
      budget_(options.batch_tokens),
      max_blocks_(max_pack_blocks(backbone.device_name() == "cpu")) {
  const std::string_view obstacle = backbone.why_no_shared_prefixes();
  if (options_.share_prefixes && !obstacle.empty()) {
    log::info("common prefixes are computed for each sequence: {}", obstacle);
    options_.share_prefixes = false;
  }
  if (budget_ == 0) budget_ = backbone.device_name() == "cpu" ? kCpuBatchTokens : device_budget(backbone);
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
  Run run(backbone_, requests, sink, after_pass, max_blocks_);
  if (backbone_.streams())
    run.sweep(sequences, start_at.next_sequence, budget_, SweepSize(backbone_.config()));
  else
    run.go(sequences, start_at.next_sequence, budget_);
  ExtractionStats stats = run.stats();
  stats.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return stats;
}

}  // namespace armorm::model
