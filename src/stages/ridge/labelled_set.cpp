#include "stages/ridge/labelled_set.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/log.h"
#include "data/attributes.h"
#include "data/recipe.h"
#include "hub/cache.h"
#include "stages/artifacts/artifact_paths.h"
#include "stages/artifacts/prompt_ids.h"

namespace armorm::stages::ridge {
namespace fs = std::filesystem;
namespace {

// --embeddings_dir is a folder or, as in the Python scripts, the shards' path up to "-<shard>-of-<n>".
artifacts::EmbeddingSet open_embeddings(const Stage1TrainOptions& options, const std::string& model,
                                        const std::string& dataset) {
  fs::path folder = options.embeddings_dir.empty() ? artifacts::embeddings_folder(options.data_root, model)
                                                   : fs::path(options.embeddings_dir);
  std::string stem = dataset;
  if (!options.embeddings_dir.empty() && !fs::is_directory(folder)) {
    stem = folder.filename().string();
    folder = folder.parent_path();
  }
  artifacts::EmbeddingSet set =
      artifacts::EmbeddingSet::open(folder, stem, "labelled", "stage1-prepare", options.verify);
  if (options.embeddings_dir.empty()) set.check_made_for(model, dataset);
  return set;
}

std::vector<std::string> attributes_of(const artifacts::EmbeddingSet& set) {
  std::vector<std::string> attributes =
      set.provenance() ? set.provenance()->attributes : default_attributes();
  const std::int64_t k = set.files().front().at("labels", DType::f32, {-1, -1}).shape[1];
  if (static_cast<std::int64_t>(attributes.size()) != k)
    fail_data(
        "{}: labels have {} columns, but {} attributes are named; make the file again with stage1-prepare",
        set.description(), k, attributes.size());
  return attributes;
}

void check_weight_column(const artifacts::EmbeddingSet& set, const std::string& wanted) {
  const std::string found = set.provenance() ? set.provenance()->weight_column : "";
  if (wanted.empty()) {
    if (!found.empty())
      log::warn(
          "{}: holds sample weights of the column '{}', which are not used; use them with --weight_column {}",
          set.description(), found, found);
    return;
  }
  if (found != wanted)
    fail_data(
        "{}: holds {}, but --weight_column names '{}'; make the embeddings again with stage1-prepare "
        "--weight_column {}",
        set.description(),
        found.empty() ? "no sample weights" : fmt::format("the weights of column '{}'", found), wanted,
        wanted);
}

std::span<const std::int64_t> prompts_of(const io::SafetensorsFile& file) {
  const std::int64_t rows = file.at("embeddings").shape[0];
  return file.at("prompt_ids", DType::i64, {rows}).as<std::int64_t>();
}

}  // namespace

LabelledSet LabelledSet::open(const Stage1TrainOptions& options) {
  std::string model = hub::artifact_name(options.model_path);
  std::string dataset = data::dataset_name(options.dataset_path);
  artifacts::EmbeddingSet set = open_embeddings(options, model, dataset);
  std::vector<std::string> attributes = attributes_of(set);
  check_weight_column(set, options.weight_column);
  std::vector<std::int64_t> prompts = artifacts::prompt_ids(set, options.split_by);
  return {std::move(set),     std::move(attributes), std::move(model),
          std::move(dataset), options.weight_column, std::move(prompts)};
}

LabelledBlock LabelledSet::block(std::size_t shard, std::span<const linear::RowGroup> groups) const {
  const io::SafetensorsFile& file = set.files()[shard];
  std::size_t first = 0;
  for (std::size_t s = 0; s < shard; ++s)
    first += static_cast<std::size_t>(set.files()[s].at("embeddings").shape[0]);
  LabelledBlock block;
  block.embeddings = artifacts::matrix_of<BFloat16>(file, "embeddings", {-1, set.hidden_size()});
  const std::int64_t n = block.embeddings.rows;
  block.labels = artifacts::matrix_of<float>(file, "labels", {n, n_attributes()});
  block.groups = groups.subspan(first, static_cast<std::size_t>(n));
  if (!weight_column.empty()) block.weights = file.at("sample_weights", DType::f32, {n}).as<float>();
  if (!prompts.empty()) block.prompts = prompts_of(file);
  return block;
}

}  // namespace armorm::stages::ridge
