// Runs a backbone over many sequences: packs them by length under a token budget, computes identical work
// once, and returns the rows under their own index. The result of a request does not depend on the order of
// the requests. With a backbone that streams its layers, many packs go through each layer before the next one
// is read; their rows come at the end of such a sweep (SweepSize in streaming_plan.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/matrix_view.h"
#include "model/backbone.h"
#include "model/prefix_cache.h"

namespace armorm::model {

struct ExtractionRequest {
  std::span<const text::tokenizer::TokenId> tokens;  // non-empty
  std::vector<std::int64_t> wanted;                  // positions in tokens, each < tokens.size()
  // Tokens at the start, at most all, whose keys and values are worth keeping for later requests.
  std::int64_t cacheable = 0;
};

struct ExtractorOptions {
  std::int64_t batch_tokens = 0;  // tokens per forward pass; 0 = from the device's free memory
  // Compute a common prefix of several sequences once, where Backbone::why_no_shared_prefixes() returns "".
  bool share_prefixes = true;
  // Keys and values that are kept between passes and runs, in the memory of the device; 0 = none. While a
  // pass runs, up to as many bytes again for those that it will add. Used on one device whose layers all
  // stay, and where prefixes are shared. With BackboneOptions::batch_invariant it changes no bit of a result;
  // without, results differ by rounding, as with the company of a sequence in its pack.
  std::uint64_t prefix_cache_bytes = 0;
};

// Covers the passes of one run; passes before its cursor are not included.
struct ExtractionStats {
  std::int64_t requests = 0;         // answered requests
  std::int64_t input_tokens = 0;     // tokens of these requests
  std::int64_t distinct_tokens = 0;  // tokens of their sequences, identical sequences counted once
  std::int64_t computed_tokens = 0;  // tokens that went through the backbone
  std::int64_t cached_tokens = 0;    // of distinct_tokens, those whose keys and values were in the cache
  std::int64_t cache_lookups = 0;    // distinct sequences, where there is a cache
  std::int64_t cache_hits = 0;       // of these, with tokens from the cache
  std::int64_t passes = 0;
  double seconds = 0.0;
  double busy_seconds = 0.0;  // time during which the device had work; of several, the mean

  std::int64_t saved_by_duplicates() const { return input_tokens - distinct_tokens; }
  std::int64_t saved_by_prefixes() const { return distinct_tokens - cached_tokens - computed_tokens; }
  double sharing_ratio() const;  // input tokens per computed token
  double busy_fraction() const;
};

// A position between two passes. With equal requests and options, a run that starts at a cursor makes the
// same passes, bit for bit, as the rest of the run that returned the cursor.
struct ExtractionCursor {
  std::size_t next_sequence = 0;  // in planned order
  std::int64_t budget = 0;        // tokens per pass; 0 = the extractor's own
};

class Extractor {
 public:
  Extractor(const Backbone& backbone, const ExtractorOptions& options) : Extractor({&backbone}, options) {}
  // The same model on several devices, which share the packs: those of one device, delivered in the same
  // order. A device that fails is left out with a warning, and the others compute its packs.
  Extractor(std::vector<const Backbone*> backbones, const ExtractorOptions& options);

  // Called once per request with its rows, float32 [wanted, hidden_size], valid during the call. Runs on a
  // thread of the extractor while the next passes are computed.
  using Sink = std::function<void(std::size_t request, MatrixView<const float> rows)>;
  // Called in order after the sink has got all rows of a pass, by the same thread; a later run would resume
  // at `after`. false stops the run and drops the passes in progress.
  using AfterPass = std::function<bool(const ExtractionCursor& after)>;
  // When device memory runs out, the cache is emptied, then the budget is halved, and the run continues; a
  // single sequence that does not fit is an internal error that names its length. A run that ends early
  // leaves in the cache what its finished passes added. Exceptions of the callbacks are rethrown here.
  ExtractionStats run(std::span<const ExtractionRequest> requests, const Sink& sink,
                      const ExtractionCursor& start = {}, const AfterPass& after_pass = {});

  std::int64_t batch_tokens() const noexcept { return budget_; }    // of a pass, which memory may lower
  const PrefixCache* prefix_cache() const { return cache_.get(); }  // null: none is used

 private:
  std::vector<const Backbone*> backbones_;  // that have not failed
  ExtractorOptions options_;
  std::int64_t budget_;
  std::int64_t max_blocks_;  // of a pack
  std::unique_ptr<PrefixCache> cache_;
};

}  // namespace armorm::model
