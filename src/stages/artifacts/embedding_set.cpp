#include "stages/artifacts/embedding_set.h"

#include <fmt/format.h>

#include <map>
#include <regex>
#include <set>

#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"
#include "stages/artifacts/artifact_paths.h"
#include "stages/artifacts/form_input.h"

namespace armorm::stages::artifacts {
namespace fs = std::filesystem;
namespace {

// n_shards -> the shard numbers found.
std::map<std::int64_t, std::set<std::int64_t>> find_shard_numbers(const fs::path& folder,
                                                                  const std::string& stem) {
  static const std::regex numbers(R"(-(\d{5})-of-(\d{5})\.safetensors)");
  std::map<std::int64_t, std::set<std::int64_t>> found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(stem)) continue;
    std::smatch match;
    const std::string rest = name.substr(stem.size());
    if (std::regex_match(rest, match, numbers)) found[std::stoll(match[2])].insert(std::stoll(match[1]));
  }
  return found;
}

std::vector<std::int64_t> missing_shards(const std::set<std::int64_t>& present, std::int64_t n_shards) {
  std::vector<std::int64_t> missing;
  for (std::int64_t k = 1; k <= n_shards; ++k)
    if (!present.contains(k)) missing.push_back(k);
  return missing;
}

std::vector<fs::path> find_files(const fs::path& folder, const std::string& stem,
                                 const std::string& command) {
  const fs::path single = folder / (stem + ".safetensors");
  const auto sets = find_shard_numbers(folder, stem);
  if (sets.empty()) {
    if (fs::exists(single)) return {single};
    fail_io(
        "{}: no such file, and no shards {}-<k>-of-<n>.safetensors next to it; run {} first, with the same "
        "--data_root and data set",
        single.string(), stem, command);
  }
  if (fs::exists(single) || sets.size() > 1)
    fail_data(
        "{}: embeddings of '{}' are there more than once (as one file and as shards, or with several shard "
        "counts: "
        "{}); remove the stale ones",
        folder.string(), stem, [&] {
          std::vector<std::string> names;
          if (fs::exists(single)) names.push_back(single.filename().string());
          for (const auto& [n, numbers] : sets)
            names.push_back(fmt::format("{} of {} shards", numbers.size(), n));
          return fmt::format("{}", fmt::join(names, ", "));
        }());
  const auto& [n_shards, present] = *sets.begin();
  const std::vector<std::int64_t> missing = missing_shards(present, n_shards);
  if (!missing.empty() || present.size() != static_cast<std::size_t>(n_shards))
    fail_io("{}: {} of {} shards are missing: {}; run {} --n_shards {} --shard_idx K for each",
            (folder / stem).string(), missing.size(), n_shards, fmt::join(missing, ", "), command, n_shards);
  std::vector<fs::path> files;
  for (const std::int64_t k : present)
    files.push_back(folder / (shard_stem(stem, k, n_shards) + ".safetensors"));
  return files;
}

void check_same(const std::string& file, const std::string& first_file, const char* field,
                const std::string& found, const std::string& expected) {
  if (found != expected)
    fail_data(
        "{}: {} is '{}', but {} has '{}'; the shards come from different runs, make them again with the same "
        "options",
        file, field, found, first_file, expected);
}

}  // namespace

void EmbeddingSet::check_shard(const std::string& kind, std::int64_t n_shards) {
  const io::SafetensorsFile& file = files_.back();
  const std::string name = file.path().string();
  const bool pairs = kind == "preference";
  const io::TensorView embeddings =
      file.at("embeddings", DType::bf16,
              pairs ? std::vector<std::int64_t>{-1, 2, -1} : std::vector<std::int64_t>{-1, -1});
  const std::int64_t hidden = embeddings.shape.back();
  if (files_.size() > 1 && hidden != hidden_size_)
    fail_data("{}: embeddings have width {}, but {} has {}; the shards come from different models", name,
              hidden, files_.front().path().string(), hidden_size_);
  hidden_size_ = hidden;
  rows_ += embeddings.shape[0];
  if (!Provenance::present_in(file.metadata())) return;
  const Provenance p = Provenance::from_metadata(file.metadata(), name);
  if (p.kind != kind)
    fail_data("{}: holds {} embeddings, but {} ones are wanted here; check the data set's name", name, p.kind,
              kind);
  if (const std::int64_t shard = std::ssize(files_); p.shard_idx != shard || p.n_shards != n_shards)
    fail_data(
        "{}: is shard {} of {} by its metadata, but {} of {} by its name; it was renamed or copied over "
        "another, make the set again with {}",
        name, p.shard_idx, p.n_shards, shard, n_shards, command_);
  if (p.rows != embeddings.shape[0])
    fail_data("{}: metadata says {} rows, the tensor has {}; make the file again", name, p.rows,
              embeddings.shape[0]);
  if (!provenance_) {
    provenance_ = p;
    return;
  }
  const std::string first = files_.front().path().string();
  check_same(name, first, "model", p.model, provenance_->model);
  check_same(name, first, "dataset", p.dataset, provenance_->dataset);
  check_same(name, first, "split", p.split, provenance_->split);
  check_same(name, first, "dataset_config", p.dataset_config, provenance_->dataset_config);
  check_same(name, first, "gating_token_pattern", fmt::format("{}", fmt::join(p.gating_pattern, ",")),
             fmt::format("{}", fmt::join(provenance_->gating_pattern, ",")));
  check_same(name, first, "precision", p.precision, provenance_->precision);
  check_same(name, first, "fp8_accumulate", p.fp8_accumulate, provenance_->fp8_accumulate);
  check_same(name, first, "batch_invariant", fmt::format("{}", p.batch_invariant),
             fmt::format("{}", provenance_->batch_invariant));
  if (!p.cpu_kernels.empty() && !provenance_->cpu_kernels.empty())
    check_same(name, first, "cpu_kernels", p.cpu_kernels, provenance_->cpu_kernels);
  if (!p.gpu_attention.empty() && !provenance_->gpu_attention.empty())
    check_same(name, first, "gpu_attention", p.gpu_attention, provenance_->gpu_attention);
  check_same(name, first, "template_sha256", p.template_sha256, provenance_->template_sha256);
  check_same(name, first, "tokenizer_sha256", p.tokenizer_sha256, provenance_->tokenizer_sha256);
  check_same(name, first, "config_sha256", p.config_sha256, provenance_->config_sha256);
  if (!p.data_sha256.empty() && !provenance_->data_sha256.empty())
    check_same(name, first, "data_sha256", p.data_sha256, provenance_->data_sha256);
  check_same_model(p.facts, name, provenance_->facts, first);
  provenance_->facts.complete_from(p.facts);
  check_same(name, first, "seed", std::to_string(p.seed), std::to_string(provenance_->seed));
  check_same(name, first, "source_rows", std::to_string(p.source_rows),
             std::to_string(provenance_->source_rows));
  check_same(name, first, "recipe_sha256", p.recipe_sha256, provenance_->recipe_sha256);
  check_same(name, first, "mixture", p.mixture, provenance_->mixture);
  if (!may_be_same_form(p.form, provenance_->form))
    check_same(name, first, "form", p.form, provenance_->form);
  if (provenance_->form.empty()) provenance_->form = p.form;
  check_same(name, first, "weight_column", p.weight_column, provenance_->weight_column);
  check_same(name, first, "attributes", fmt::format("{}", fmt::join(p.attributes, ",")),
             fmt::format("{}", fmt::join(provenance_->attributes, ",")));
}

// Names the program that makes a damaged file again.
template <class Body>
void EmbeddingSet::with_remedy(const Body& body) const {
  try {
    body();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::data) fail_data("{}; make the file again with {}", error.what(), command_);
    throw;
  }
}

std::unique_ptr<io::ContentCheck> EmbeddingSet::begin_check(const Reads& reads) const {
  if (verify_ == Verify::off) return nullptr;
  std::vector<io::ContentCheck::Item> items;
  for (std::size_t f = 0; f < files_.size(); ++f) {
    if (!io::has_content_digests(files_[f].metadata())) continue;
    for (const std::string& tensor : files_[f].names())
      if (!reads || reads(f, tensor)) items.push_back({&files_[f], tensor});
  }
  return std::make_unique<io::ContentCheck>(std::move(items));
}

void EmbeddingSet::finish(io::ContentCheck* check) const {
  if (check != nullptr) with_remedy([check] { check->finish(); });
}

EmbeddingSet EmbeddingSet::open(const fs::path& folder, const std::string& stem, const std::string& kind,
                                const std::string& command, Verify verify) {
  EmbeddingSet set;
  set.verify_ = verify;
  set.command_ = command;
  std::size_t without_metadata = 0;
  const std::vector<fs::path> paths = find_files(folder, stem, command);
  for (const fs::path& path : paths) {
    set.watch_.add(path);
    set.files_.push_back(io::SafetensorsFile::open(path));
    if (verify == Verify::on && io::has_content_digests(set.files_.back().metadata()))
      set.with_remedy([&] { io::verify_header(set.files_.back()); });
    without_metadata += Provenance::present_in(set.files_.back().metadata()) ? 0 : 1;
    set.check_shard(kind, std::ssize(paths));
  }
  if (without_metadata == set.files_.size()) {
    log::warn(
        "{}: written without metadata (by the Python scripts?); model, data set and attributes cannot be "
        "checked",
        set.description());
  } else if (without_metadata > 0) {
    fail_data("{}: {} of {} shards carry no metadata; they come from different programs, make them again",
              set.description(), without_metadata, set.files_.size());
  }
  if (set.provenance_ && !set.provenance_->facts.all_known())
    log::info(
        "{}: an earlier version wrote it; which weights, template date and treatment of special tokens made "
        "it is "
        "not known, and not compared",
        set.description());
  if (set.rows_ == 0)
    fail_data("{}: holds no rows; check the data set and {}'s filters", set.description(), command);
  return set;
}

void EmbeddingSet::check_made_for(const std::string& model, const std::string& stem) const {
  if (!provenance_) return;
  if (provenance_->model != model)
    fail_data("{}: was made with model '{}', not '{}'; prepare the set again", description(),
              provenance_->model, model);
  const std::string own =
      provenance_->kind == "labelled"
          ? provenance_->dataset
          : preference_stem(provenance_->dataset, provenance_->source, provenance_->split);
  if (own != stem)
    fail_data("{}: was made as '{}', not '{}'; it was renamed or copied over another, prepare the set again",
              description(), own, stem);
}

ArtifactInputs EmbeddingSet::inputs() const {
  if (provenance_) {
    ArtifactInputs inputs = provenance_->inputs();
    inputs[kPrecisionInput] = provenance_->arithmetic();
    return inputs;
  }
  std::string digests;
  for (const io::SafetensorsFile& file : files_) digests += sha256_file_hex(file.path());
  return {{"files", sha256_hex(digests)}};
}

void EmbeddingSet::check_unchanged() const { watch_.check(); }

std::string EmbeddingSet::description() const {
  const std::string first = files_.front().path().string();
  return files_.size() == 1 ? first : fmt::format("{} and {} more", first, files_.size() - 1);
}

}  // namespace armorm::stages::artifacts
