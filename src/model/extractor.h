// Runs a backbone over many sequences: packs them by length under a token budget, computes each distinct work
// once, and hands the rows back under their own index. The result of a request does not depend on the order
// of the requests.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/matrix_view.h"
#include "model/backbone.h"

namespace armorm {

struct ExtractionRequest {
  std::span<const TokenId> tokens;   // non-empty
  std::vector<std::int64_t> wanted;  // positions in tokens, each < tokens.size()
};

struct ExtractorOptions {
  std::int64_t batch_tokens = 0;  // tokens in one forward pass; 0 = from the device's free memory
  // Compute a common prefix of several sequences once, where Backbone::why_no_shared_prefixes() has no
  // objection.
  bool share_prefixes = true;
};

// Of the passes that a run did; those before its cursor are not in it.
struct ExtractionStats {
  std::int64_t requests = 0;         // answered
  std::int64_t input_tokens = 0;     // of them
  std::int64_t distinct_tokens = 0;  // of their sequences, each counted once
  std::int64_t computed_tokens = 0;  // that went through the backbone
  std::int64_t passes = 0;
  double seconds = 0.0;
  double busy_seconds = 0.0;  // in which the device had work

  std::int64_t saved_by_duplicates() const { return input_tokens - distinct_tokens; }
  std::int64_t saved_by_prefixes() const { return distinct_tokens - computed_tokens; }
  double sharing_ratio() const;  // input tokens for each computed one
  double busy_fraction() const;
};

// A place between two passes. With equal requests and options, the passes from a cursor on are the same ones,
// bit for bit, in a run that starts there as in the run that gave it.
struct ExtractionCursor {
  std::size_t next_sequence = 0;  // in planned order
  std::int64_t budget = 0;        // tokens in one pass; 0 = the extractor's own
};

class Extractor {
 public:
  Extractor(const Backbone& backbone, const ExtractorOptions& options);

  // Called once per request with its rows, float32 [wanted, hidden_size], valid during the call. It runs on a
  // thread of the extractor while the next passes are computed.
  using Sink = std::function<void(std::size_t request, MatrixView<const float> rows)>;
  // Called in order when the rows of a pass have all been given to the sink, by the same thread; `after` is
  // where a later run would go on. False stops the run: passes that are under way then are dropped.
  using AfterPass = std::function<bool(const ExtractionCursor& after)>;
  // Out of device memory halves the budget and goes on; a single sequence that does not fit is an internal
  // error that names its length. What the callbacks throw is thrown here.
  ExtractionStats run(std::span<const ExtractionRequest> requests, const Sink& sink,
                      const ExtractionCursor& start = {}, const AfterPass& after_pass = {});

 private:
  const Backbone& backbone_;
  ExtractorOptions options_;
  std::int64_t budget_;
};

}  // namespace armorm
