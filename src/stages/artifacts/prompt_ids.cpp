#include "stages/artifacts/prompt_ids.h"

namespace armorm::stages::artifacts {

std::vector<std::int64_t> prompt_ids(const EmbeddingSet& set, SplitBy split_by) {
  std::vector<std::int64_t> prompts;
  for (const io::SafetensorsFile& file : set.files()) {
    if (!file.contains("prompt_ids")) {
      if (split_by != SplitBy::prompt) return {};
      fail_data(
          "{}: has no tensor 'prompt_ids', which --split_by prompt needs; make the file again with this "
          "version's {}, or use --split_by row",
          file.path().string(), set.command());
    }
    const std::int64_t rows = file.at("embeddings").shape[0];
    const auto values = file.at("prompt_ids", DType::i64, {rows}).as<std::int64_t>();
    prompts.insert(prompts.end(), values.begin(), values.end());
  }
  return prompts;
}

}  // namespace armorm::stages::artifacts
