#include "stages/gate/gate_sources.h"

#include "core/hash.h"

namespace armorm::stages::gate {
namespace fs = std::filesystem;
namespace {

// The known facts.
void add_facts(const artifacts::ModelFacts& facts, report::Source& source) {
  io::Metadata known;
  facts.add_to(known);
  for (const auto& [name, value] : known) source.properties[name] = value;
}

std::vector<std::string> file_names(const artifacts::EmbeddingSet& set) {
  std::vector<std::string> names;
  for (const io::SafetensorsFile& file : set.files()) names.push_back(file.path().filename().string());
  return names;
}

std::map<std::string, std::int64_t> dropped_rows(const artifacts::EmbeddingSet& set) {
  std::map<std::string, std::int64_t> dropped;
  for (const io::SafetensorsFile& file : set.files()) {
    if (!artifacts::Provenance::present_in(file.metadata())) continue;
    for (const auto& [reason, rows] :
         artifacts::Provenance::from_metadata(file.metadata(), file.path().string()).dropped)
      dropped[reason] += std::ssize(rows);
  }
  return dropped;
}

}  // namespace

report::Source embedding_source(const std::string& role, const artifacts::EmbeddingSet& set) {
  report::Source source{
      role, {{"files", file_names(set)}, {"rows", set.rows()}, {"hidden_size", set.hidden_size()}}};
  if (!set.provenance()) return source;
  const artifacts::Provenance& p = *set.provenance();
  source.properties.insert({{"model", p.model},
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
                            {"dropped", dropped_rows(set)}});
  if (!p.fp8_accumulate.empty()) source.properties["fp8_accumulate"] = p.fp8_accumulate;
  if (!p.cpu_kernels.empty()) source.properties["cpu_kernels"] = p.cpu_kernels;
  if (!p.dataset_config.empty()) source.properties["dataset_config"] = p.dataset_config;
  add_facts(p.facts, source);
  return source;
}

report::Source weights_source(const artifacts::RegressionWeights& weights) {
  report::Source source{"regression weights",
                        {{"files", std::vector<std::string>{weights.file.filename().string()}},
                         {"sha256", sha256_file_hex(weights.file)},
                         {"model", weights.model},
                         {"dataset", weights.dataset},
                         {"attributes", weights.n_attributes()}}};
  add_facts(weights.facts, source);
  return source;
}

report::Output output_of(const fs::path& file) {
  return {file.filename().string(), sha256_file_hex(file), fs::file_size(file)};
}

}  // namespace armorm::stages::gate
