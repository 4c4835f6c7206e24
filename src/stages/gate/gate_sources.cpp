#include "stages/gate/gate_sources.h"

#include <nlohmann/json.hpp>

#include "core/hash.h"

namespace armorm {
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

// What is known.
json facts_json(const ModelFacts& facts) {
  Metadata known;
  facts.add_to(known);
  return json(known);
}

}  // namespace

json embedding_source_json(const std::string& role, const EmbeddingSet& set) {
  json files = json::array();
  json dropped = json::object();
  for (const SafetensorsFile& file : set.files()) {
    files.push_back(file.path().filename().string());
    if (!Provenance::present_in(file.metadata())) continue;
    for (const auto& [reason, rows] :
         Provenance::from_metadata(file.metadata(), file.path().string()).dropped)
      dropped[reason] = dropped.value(reason, std::size_t{0}) + rows.size();
  }
  json out{{"role", role}, {"files", files}, {"rows", set.rows()}, {"hidden_size", set.hidden_size()}};
  if (!set.provenance()) return out;
  const Provenance& p = *set.provenance();
  out.update({{"model", p.model},
              {"dataset", p.dataset},
              {"split", p.split},
              {"source", p.source},
              {"precision", p.precision},
              {"batch_invariant", p.batch_invariant},
              {"template_sha256", p.template_sha256},
              {"tokenizer_sha256", p.tokenizer_sha256},
              {"config_sha256", p.config_sha256},
              {"seed", p.seed},
              {"source_rows", p.source_rows},
              {"dropped", dropped}});
  if (!p.dataset_config.empty()) out["dataset_config"] = p.dataset_config;
  out.update(facts_json(p.facts));
  return out;
}

json weights_source_json(const RegressionWeights& weights) {
  json out{{"role", "regression weights"},
           {"files", {weights.file.filename().string()}},
           {"sha256", sha256_file_hex(weights.file)},
           {"model", weights.model},
           {"dataset", weights.dataset},
           {"attributes", weights.n_attributes()}};
  out.update(facts_json(weights.facts));
  return out;
}

json output_json(const fs::path& file) {
  return {
      {"file", file.filename().string()}, {"sha256", sha256_file_hex(file)}, {"bytes", fs::file_size(file)}};
}

}  // namespace armorm
