#include "stages/serving/model_fingerprint.h"

#include <map>
#include <nlohmann/json.hpp>

#include "core/hash.h"
#include "core/words.h"
#include "stages/artifacts/making_facts.h"
#include "stages/artifacts/weights_fingerprint.h"

namespace armorm::stages::serving {

std::string model_fingerprint(const model::ModelFolder& folder, const reward_model::RewardModel& model,
                              const ScorerOptions& options) {
  const std::map<std::string, std::string> parts{
      {"weights", artifacts::weights_fingerprint(folder)},
      {"config.json", sha256_file_hex(model.folder / "config.json")},
      {"tokenizer.json", model.encoder.tokenizer_sha256()},
      {"tokenizer files", artifacts::tokenizer_files_of(model.folder)},
      {"chat template", model.encoder.template_sha256()},
      {"template_date", model.encoder.template_date()},
      {"precision", std::string(name_of(options.precision))},
      {"fp8_accumulate", std::string(name_of(options.fp8_accumulate))},
      {"allow_special_in_content", options.allow_special_in_content ? "true" : "false"},
      {"max_length", std::to_string(options.max_length)}};
  return sha256_hex(nlohmann::json(parts).dump());
}

}  // namespace armorm::stages::serving
