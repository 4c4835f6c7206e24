// What score and serve have in common: the model, and how it computes.
#include <fmt/format.h>

#include <limits>

#include "armorm/reward_scorer.h"
#include "core/date.h"
#include "core/error.h"
#include "core/units.h"
#include "stages/options/common_options.h"
#include "stages/options/shared_options.h"

namespace armorm::stages::options::shared_options {
namespace {

void declare_arithmetic(ScorerOptions& fields, OptionList& list) {
  list.add(kDevice, fields.device)
      .add(kBackbonePrecision, fields.precision)
      .add({"fp8_accumulate", results,
            "Accumulation of --precision fp8 on a GPU: fast = in the tensor cores, exact = promoted to "
            "float32; auto = as in the export's embeddings, else fast"},
           fields.fp8_accumulate)
      .add({"kernels", results,
            "CPU kernels of the matrix products; auto = as in the export's embeddings if --precision is the "
            "same, else the fastest by measurement"},
           fields.kernels)
      .add({"batch_invariant", results,
            "Scores are bit-identical however rows are batched: on by default; --batch_invariant=false is "
            "faster"},
           fields.batch_invariant)
      .add(kGpuAttention, fields.attention)
      .add(kBatchTokens, fields.batch_tokens)
      .add(kThreads, fields.threads)
      .add(kWeightsMemory, fields.weights_memory);
}

void declare_text(ScorerOptions& fields, OptionList& list) {
  list.add({"max_length", results,
            "Longest conversation in tokens; a longer one is a bad row; 0 = the model's limit"},
           fields.max_length)
      .add({"allow_special_in_content", results,
            "Convert special-token strings in message content to special tokens"},
           fields.allow_special_in_content)
      .add({"template_date", results,
            "Date, YYYY-MM-DD, for a chat template that inserts today's date; empty = the date used in "
            "training"},
           fields.template_date)
      .add({"verify", output,
            "on: check an export's files against the digests in its armorm_export.json while loading; off: "
            "skip the check"},
           fields.verify);
}

}  // namespace

void declare_model(ScorerOptions& fields, OptionList& list) {
  list.add({"model_path", inputs,
            "ArmoRM: a folder of stage2-train --export or of the released layout, or a Hub id"},
           fields.model_path);
}

void declare_scorer(ScorerOptions& fields, OptionList& list) {
  declare_arithmetic(fields, list);
  declare_text(fields, list);
}

void at_least(const char* flag, std::int64_t value, std::int64_t least) {
  if (value < least) fail_usage("--{}: {} is out of range; it must be at least {}", flag, value, least);
}

}  // namespace armorm::stages::options::shared_options

namespace armorm {

void ScorerOptions::validate() const {
  using namespace stages::options;
  if (model_path.empty()) fail_usage("--model_path: is empty; name a model folder or a Hub id");
  shared_options::at_least("device", device, -1);
  check_kernels_on(device, kernels);
  check_accumulate_on(device, precision, fp8_accumulate);
  shared_options::at_least("batch_tokens", batch_tokens, 0);
  shared_options::at_least("threads", threads, 0);
  shared_options::at_least("max_length", max_length, 0);
  check_attention_on(device, attention);
  constexpr auto kMostBytes = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (prompt_cache_bytes > kMostBytes)
    fail_usage("`prompt_cache_bytes`: {} is out of range; it must be at most {}", prompt_cache_bytes,
               kMostBytes);
  memory_limit("--weights_memory", weights_memory);
  if (!template_date.empty()) parse_date("--template_date", template_date);
}

}  // namespace armorm
