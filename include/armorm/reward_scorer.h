// Scores conversations with a trained ArmoRM inside an application, with the same bits as the program
// `score`.
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
#include "armorm/cpu_kernels.h"
#include "armorm/export.h"
#include "armorm/gpu_attention.h"
#include "armorm/precision.h"
#include "armorm/stop.h"
#include "armorm/verify.h"

namespace armorm {

// Messages name a field in backquotes or as the flag of `score`: `device`, --device.
struct ScorerOptions {
  std::string model_path = "RLHFlow/ArmoRM-Llama3-8B-v0.1";  // folder or Hub id
  std::int64_t device = 0;                                   // CUDA device; -1 = CPU
  Precision precision = Precision::bf16;
  // auto without fp8, not fast on the CPU. auto = that of the training's embeddings where it is recorded and
  // the device has it, else fast on a GPU.
  Fp8Accumulate fp8_accumulate = Fp8Accumulate::auto_;
  // On the CPU, of the process while it scores. auto = those of the embeddings that the model was trained
  // with where `precision` is the same and the processor has them, else the fastest, which are measured; auto
  // on a GPU.
  CpuKernels kernels = CpuKernels::measured;
  GpuAttention attention = GpuAttention::automatic;  // automatic on a CPU
  bool batch_invariant = true;                       // scores are bit-identical however rows are batched
  std::int64_t batch_tokens = 0;                     // tokens per forward pass; 0 = from free memory
  // Memory for weights: all, auto or bytes ("20GB"). Layers that do not fit are read again for each call of
  // score(): give it many conversations at once.
  std::string weights_memory = "all";
  std::int64_t threads = 0;               // CPU threads, of the whole process; 0 = all that it may use
  std::int64_t max_length = 0;            // tokens of a conversation; 0 = the model's max_position_embeddings
  bool allow_special_in_content = false;  // special-token strings in content become special tokens
  // YYYY-MM-DD, for chat templates that insert today's date; empty = the model's own.
  std::string template_date = {};
  Verify verify = Verify::on;  // of an export of stage2-train, while it is loaded
  // Keys and values of prompts that are kept between calls of score(), in the memory of the device, so that
  // several answers to a prompt may come in several calls; 0 = none. With batch_invariant, scores have the
  // same bits. Not used for models with longrope or dynamic rope scaling.
  std::uint64_t prompt_cache_bytes = 0;

  ARMORM_API void validate() const;  // usage errors
};

// With K attributes: score = sum_k contributions[k], contributions[k] = gate[k] * (rewards T)[k], where T is
// the model's transform against verbosity.
struct ConversationScore {
  std::string error;  // why there is no score; empty if there is one
  float score = 0.0F;
  std::vector<float> rewards;        // [K], before T
  std::vector<float> gate;           // [K]
  std::vector<float> contributions;  // [K]
  std::vector<float> coefficients;   // [K]: (T gate)[k], the score per unit of rewards[k]
  std::int64_t tokens = 0;           // of the rendered conversation
  bool special_in_content = false;   // a message's content contains a special-token string
  // The last turn is of a user, the system or a tool: the score is not that of an answer.
  bool no_final_answer = false;

  bool ok() const noexcept { return error.empty(); }
};

// Thread-safe: calls of score() from several threads run one after the other.
class ARMORM_API RewardScorer {
 public:
  // `options.model_path`: a folder in the released model's layout, such as those of stage2-train --export, or
  // the Hub id of one, which is downloaded if the cache lacks it. Throws Error: usage for invalid options or
  // a device that does not exist, io for missing files, data for a folder without an ArmoRM. `stop_requested`
  // is polled during the download.
  static RewardScorer load(const ScorerOptions& options, const StopRequested& stop_requested = {});

  const std::vector<std::string>& attributes() const noexcept;  // [K] names, in the order of the results
  std::string device_name() const;                              // "cpu", "cuda:0"

  // One result per conversation, in order. A conversation that cannot be scored (too long, a role unknown to
  // the chat template, no assistant answer, not UTF-8) gets an error and does not affect the others. Throws
  // Error when none can be scored: internal for lack of memory.
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
