#include <fmt/format.h>

#include <functional>
#include <limits>
#include <set>
#include <string_view>

#include "armorm/score.h"
#include "core/date.h"
#include "core/error.h"
#include "stages/options/common_options.h"
#include "stages/options/declarations.h"
#include "stages/options/shared_options.h"

namespace armorm::stages::options {
namespace {

void declare_backbone(ScoreOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add({"model_path", inputs,
            "ArmoRM: a folder of stage2-train --export or of the released layout, or a Hub id"},
           fields.model_path)
      .add({"input", inputs, "Conversations as JSON Lines, plain, gzip or zstd; - = standard input"},
           fields.input)
      .add({"output", output,
            "File for the scores, published when complete, or a FIFO or character device, written line by "
            "line; - = standard output, line by line"},
           fields.output)
      .add(kDevice, fields.device)
      .add(kBackbonePrecision, fields.precision)
      .add({"fp8_accumulate", results,
            "Sums of --precision fp8 on a GPU: fast = in the tensor cores, exact = promoted to float32; auto "
            "= "
            "that of the export's embeddings, else fast"},
           fields.fp8_accumulate)
      .add(
          {"kernels", results,
           "Kernels of the products on the CPU; auto = those of the export's embeddings where --precision is "
           "the same, else the fastest, which are measured"},
          fields.kernels)
      .add({"batch_invariant", results,
            "Scores are bit-identical however rows are batched; --batch_invariant=false is faster"},
           fields.batch_invariant)
      .add(kGpuAttention, fields.attention)
      .add(kBatchTokens, fields.batch_tokens);
}

void declare_rows(ScoreOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add({"window", results, "Conversations held at once, among which common prefixes are shared"},
           fields.window)
      .add(kThreads, fields.threads)
      .add({"max_length", results,
            "Longest conversation in tokens, a longer one is a bad row; 0 = the model's limit"},
           fields.max_length)
      .add(
          {"on_bad_row", output,
           "error: a row that cannot be scored ends the run; skip: it gets a line with its \"error\", and so "
           "does a row that ends in a user's turn, which error only counts"},
          fields.on_bad_row)
      .add({"allow_special_in_content", results,
            "Convert special-token strings in message content to special tokens"},
           fields.allow_special_in_content)
      .add({"template_date", results,
            "Date, YYYY-MM-DD, for a chat template that inserts today's date; empty = that of the training"},
           fields.template_date)
      .add({"verify", output,
            "on: an export of stage2-train is compared with the digests in its armorm_export.json while it "
            "is loaded; off: it is not"},
           fields.verify)
      .add({"fields", output,
            "Fields to write for each row, comma-separated: score, rewards, gate, contributions, "
            "coefficients, tokens"},
           fields.fields)
      .add({"copy_keys", output,
            "Keys of the rows whose values are copied to the output, comma-separated; other keys that score "
            "does not use are counted and named"},
           fields.copy_keys);
}

void at_least(const char* flag, std::int64_t value, std::int64_t least) {
  if (value < least) fail_usage("--{}: {} is out of range; it must be at least {}", flag, value, least);
}

// A line of output must not have a key twice.
void check_copy_keys(const std::vector<std::string>& keys) {
  std::set<std::string, std::less<>> taken{"id", "line", "error"};
  for (const std::string_view word : words_of(ScoreField{})) taken.emplace(word);
  for (const std::string& key : keys)
    if (key.empty() || !taken.insert(key).second)
      fail_usage(
          "--copy_keys: '{}' is in every line already, is given twice or is empty; expected other keys", key);
}

}  // namespace

OptionList declare(ScoreOptions& fields) {
  OptionList list;
  declare_backbone(fields, list);
  declare_rows(fields, list);
  return list;
}

}  // namespace armorm::stages::options

namespace armorm {

void ScorerOptions::validate() const {
  if (model_path.empty()) fail_usage("--model_path: is empty; name a model folder or a Hub id");
  stages::options::at_least("device", device, -1);
  stages::options::check_kernels_on(device, kernels);
  stages::options::check_accumulate_on(device, precision, fp8_accumulate);
  stages::options::at_least("batch_tokens", batch_tokens, 0);
  stages::options::at_least("threads", threads, 0);
  stages::options::at_least("max_length", max_length, 0);
  stages::options::check_attention_on(device, attention);
  constexpr auto kMostBytes = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (prompt_cache_bytes > kMostBytes)
    fail_usage("`prompt_cache_bytes`: {} is out of range; it must be at most {}", prompt_cache_bytes,
               kMostBytes);
  if (!template_date.empty()) parse_date("--template_date", template_date);
}

void ScoreOptions::validate() const {
  ScorerOptions::validate();
  if (input.empty()) fail_usage("--input: is empty; name a file, or - for the standard input");
  if (output.empty()) fail_usage("--output: is empty; name a file, or - for the standard output");
  stages::options::at_least("window", window, 1);
  if (fields.empty())
    fail_usage("--fields: is empty; name at least one of {}", fmt::join(words_of(ScoreField{}), ", "));
  stages::options::check_copy_keys(copy_keys);
}

}  // namespace armorm
