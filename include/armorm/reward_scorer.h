// Scores conversations with a trained ArmoRM inside an application: what the program `score` writes, as
// numbers with the same bits.
//
//   const auto scorer = armorm::RewardScorer::load({.model_path = "my-armorm", .device = -1});
//   const auto result = scorer.score({{"user", "What is 2 + 2?"}, {"assistant", "4"}});
//   use(result.ok() ? result.score : 0.0F);
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "armorm/conversation.h"
#include "armorm/export.h"
#include "armorm/precision.h"
#include "armorm/stop.h"

namespace armorm {

// Messages name a field in backquotes or as the flag of `score`: `device`, --device.
struct ScorerOptions {
  std::string model_path = "RLHFlow/ArmoRM-Llama3-8B-v0.1";  // folder or Hub id
  std::int64_t device = 0;                                   // CUDA device; -1 = CPU
  Precision precision = Precision::bf16;
  bool batch_invariant = true;            // a score's bits depend on nothing but its conversation
  std::int64_t batch_tokens = 0;          // tokens in one forward pass; 0 = from free memory
  std::int64_t threads = 0;               // CPU threads, of the whole process; 0 = all that it may use
  std::int64_t max_length = 0;            // tokens of a conversation; 0 = the model's max_position_embeddings
  bool allow_special_in_content = false;  // special-token strings in content become special tokens
  std::string template_date = {};  // YYYY-MM-DD, for templates that read the clock; empty = the model's own

  ARMORM_API void validate() const;  // usage errors
};

// With K attributes: score = sum_k contributions[k], contributions[k] = gate[k] * (rewards T)[k], where T is
// the model's transform against verbosity.
struct ConversationScore {
  std::string error;  // why there is no score; empty where there is one
  float score = 0.0F;
  std::vector<float> rewards;        // [K], before T
  std::vector<float> gate;           // [K]
  std::vector<float> contributions;  // [K]
  std::vector<float> coefficients;   // [K]: (T gate)[k], what one unit of rewards[k] adds to the score
  std::int64_t tokens = 0;           // of the rendered conversation
  bool special_in_content = false;   // a special-token string stands in a message's content

  bool ok() const noexcept { return error.empty(); }
};

// Thread-safe: calls of score() from several threads run one after the other.
class ARMORM_API RewardScorer {
 public:
  // `options.model_path`: a folder of the released model's layout, as stage2-train --export writes it, or the
  // Hub id of one, which is downloaded where the cache does not hold it. Throws Error: usage for options that
  // cannot be run or a device that is not there, io for missing files, data for a folder that holds no
  // ArmoRM. `stop_requested` is asked during the download.
  static RewardScorer load(const ScorerOptions& options, const StopRequested& stop_requested = {});

  const std::vector<std::string>& attributes() const noexcept;  // [K] names, in the order of the results
  std::string device_name() const;                              // "cpu", "cuda:0"

  // One result for each conversation, in their order. A conversation that cannot be scored (too long, a role
  // that the chat template does not know, no answer of an assistant, not UTF-8) gets an error and leaves the
  // others as they are. Throws Error when none can be scored: internal for a lack of memory.
  std::vector<ConversationScore> score(std::span<const Conversation> conversations) const;
  ConversationScore score(const Conversation& conversation) const;

  RewardScorer(RewardScorer&&) noexcept;
  RewardScorer& operator=(RewardScorer&&) noexcept;
  ~RewardScorer();

 private:
  struct Impl;
  explicit RewardScorer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace armorm
